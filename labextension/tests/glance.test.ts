import { PICTURE_BYTES, PREVIEWS, withPreviews } from '../src/glance';
import type { IProducedFile } from '../src/model';

const PNG = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0]);
const never = new AbortController().signal;

/** jsdom's blobs cannot be read by themselves. */
function blob(content: string | Uint8Array): Blob {
  const bytes =
    typeof content === 'string'
      ? Uint8Array.from(content, letter => letter.charCodeAt(0))
      : content;
  const made = new Blob([bytes]);
  const slice = (from: number, to: number): Blob => blob(bytes.slice(from, to));
  const text = async (): Promise<string> => String.fromCharCode(...bytes);
  const arrayBuffer = async (): Promise<ArrayBuffer> => new Uint8Array(bytes).buffer;
  return Object.assign(made, { slice, text, arrayBuffer });
}

function file(path: string, url: string | null = `agents/x/${path}`, size = 10): IProducedFile {
  return { path, size, file_id: null, url };
}

describe('previews', () => {
  it('are read for pictures and tables, and for nothing else', async () => {
    const content = new Map([
      ['agents/x/plot.png', blob(PNG)],
      ['agents/x/rows.csv', blob('a,b\n1,2\n')],
      ['agents/x/plot.svg', blob('<svg/>')],
      ['agents/x/lie.png', blob('<html>')],
      ['agents/x/lie.jpg', blob('<svg/>')]
    ]);
    const read = jest.fn(async (path: string) => content.get(path) ?? null);
    const paths = [
      'plot.png',
      'rows.csv',
      'plot.svg',
      'lie.png',
      'lie.jpg',
      'notes.txt',
      'gone.png'
    ];
    const made = await withPreviews(
      paths.map(path => file(path)),
      read,
      never
    );
    expect(made.map(one => one.preview?.type)).toEqual([
      'image',
      'table',
      'image',
      ...Array.from({ length: 4 }, () => undefined)
    ]);
    expect(made[0]!.preview).toMatchObject({ media_type: 'image/png', data: 'iVBORw0KGgoAAA==' });
    expect(made[1]!.preview).toMatchObject({
      columns: ['a', 'b'],
      rows: [['1', '2']],
      more: false
    });
    expect(read).not.toHaveBeenCalledWith('agents/x/notes.txt', expect.anything(), never);
  });

  it('are not asked for outside of the root, nor where they are too large', async () => {
    const read = jest.fn(async () => blob(PNG));
    const files = [
      file('a.png', '../a.png'),
      file('b.png', null),
      file('c.png', '//evil.example/c.png'),
      file('d.png', 'd.png', PICTURE_BYTES + 1)
    ];
    expect(await withPreviews(files, read, never)).toEqual(files);
    expect(read).not.toHaveBeenCalled();
  });

  it('are few, and one that fails costs no other', async () => {
    let calls = 0;
    const read = async (): Promise<Blob> => {
      calls += 1;
      if (calls === 1) {
        throw new Error('broken');
      }
      return blob(PNG);
    };
    const files = Array.from({ length: 20 }, (_, n) => file(`${n}.png`));
    const made = await withPreviews(files, read, never);
    expect(made.filter(one => one.preview)).toHaveLength(PREVIEWS);
    expect(made[0]!.preview).toBeUndefined();
  });
});
