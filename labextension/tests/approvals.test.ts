import type { IApprovals, ICounter } from '../src/approvals';
import { Desk, readApprovals } from '../src/approvals';
import type { IToolStep, ITranscript } from '../src/model';
import { EMPTY_TRANSCRIPT } from '../src/model';
import { TranscriptView } from '../src/transcript';
import { inputOf } from '../src/blocks';
import { ownPath, announce } from '../src/announce';
import { AnswerError } from '../src/api';
import type { Words } from '../src/words';

const words = {
  __: (text: string, ...args: unknown[]) =>
    text.replace(/%(\d)/g, (_, n: string) => String(args[Number(n) - 1])),
  _n: (one: string, many: string, n: number) => (n === 1 ? one : many).replace('%1', String(n))
} as unknown as Words;

const CALL = { id: 'sevt_1', name: 'bash', server: null, input: { command: 'rm -rf build' } };
const opener = { address: (path: string) => '/files/' + path, open: () => true };

/** A server in memory; what it was told, and what it says. */
class Counter implements ICounter {
  told: unknown[] = [];
  says: Record<string, unknown> = {
    tied: true,
    notebook: 'a.ipynb',
    waiting: [CALL],
    answered: []
  };
  fails: Error | null = null;

  async approvals(): Promise<IApprovals> {
    return readApprovals(this.says);
  }

  async confirm(...given: unknown[]): Promise<void> {
    this._take('confirm', ...given);
  }

  async allowAlways(...given: unknown[]): Promise<void> {
    this._take('always', ...given);
  }

  async allowWithInput(...given: unknown[]): Promise<void> {
    this._take('input', ...given);
  }

  private _take(...given: unknown[]): void {
    if (this.fails) {
      throw this.fails;
    }
    this.told.push(given);
    const at = '2026-11-21T12:00:00Z';
    const said = { call_id: CALL.id, result: 'allow', by: 'Ada', at };
    this.says = { ...this.says, waiting: [], answered: [said] };
  }
}

function step(fields: Partial<IToolStep> = {}): IToolStep {
  const base = { kind: 'tool', id: CALL.id, name: 'bash', server: null, output: [], seconds: null };
  return { ...base, status: 'waiting', input: { command: 'ls' }, ...fields } as IToolStep;
}

async function shown(counter: Counter, one: IToolStep = step()): Promise<() => Promise<void>> {
  const transcript: ITranscript = { ...EMPTY_TRANSCRIPT, status: 'waiting', steps: [one] };
  const view = new TranscriptView({
    words,
    drawMarkdown: async () => undefined,
    opener,
    desk: () => desk
  });
  const draw = (): boolean => {
    view.draw(transcript, { omitted: 0, unfollowed: false });
    return true;
  };
  const desk: Desk = new Desk(counter, 'sesn_1', 'a.ipynb', draw);
  document.body.replaceChildren(view.node);
  draw();
  desk.see(transcript, true);
  const settle = (): Promise<void> => new Promise(resolve => setTimeout(resolve, 5));
  await settle();
  return settle;
}

function named(name: string): HTMLButtonElement {
  const all = Array.from(document.querySelectorAll<HTMLButtonElement>('.ja-approval button'));
  return all.find(button => button.textContent === name)!;
}

function texts(selector: string): string {
  return document.querySelector(selector)?.textContent ?? '';
}

describe('a call that waits', () => {
  it('has buttons and shows the input that the server has, not the one that the notebook claims', async () => {
    await shown(new Counter());
    expect(document.querySelectorAll('.ja-approval button')).toHaveLength(4);
    expect(texts('.ja-command')).toBe('rm -rf build');
  });

  it.each([
    ['the server does not know it', { waiting: [] }, ''],
    ['the session is of another notebook', { tied: false }, 'a.ipynb'],
    ['the session is of no notebook', { tied: false, notebook: null }, 'no notebook'],
    ['the answer is nonsense', { waiting: 'yes', tied: 'true' }, '']
  ])('has no button where %s', async (_, says, said) => {
    const counter = new Counter();
    counter.says = { ...counter.says, ...says };
    await shown(counter);
    expect(document.querySelectorAll('.ja-approval button')).toHaveLength(0);
    expect(texts('.ja-answered')).toContain(said);
  });

  it('has no button where nobody answers', async () => {
    const counter = new Counter();
    counter.approvals = async () => {
      throw new AnswerError(404, 'nothing');
    };
    await shown(counter);
    expect(document.querySelector('.ja-approval')).toBeNull();
  });

  it('is approved, and who did it stands in the place of the buttons', async () => {
    const counter = new Counter();
    const settle = await shown(counter);
    const approve = named('Approve');
    approve.focus();
    approve.click();
    expect(approve.disabled).toBe(true);
    approve.click();
    await settle();
    expect(counter.told).toEqual([['confirm', 'sesn_1', 'sevt_1', 'allow', '']]);
    expect(document.querySelectorAll('.ja-approval button')).toHaveLength(0);
    expect(texts('.ja-answered')).toMatch(/^Approved by Ada at /);
    expect(document.activeElement?.className).toBe('ja-answered');
  });

  it('is denied with a reason', async () => {
    const counter = new Counter();
    const settle = await shown(counter);
    named('Deny…').click();
    const field = document.querySelector<HTMLInputElement>('.ja-form input')!;
    expect(document.activeElement).toBe(field);
    field.value = ' not today ';
    document.querySelector('form')!.requestSubmit();
    await settle();
    expect(counter.told).toEqual([['confirm', 'sesn_1', 'sevt_1', 'deny', 'not today']]);
  });

  it('is always allowed: first the rule, then the call', async () => {
    const counter = new Counter();
    const settle = await shown(counter);
    named('Always in this session').click();
    await settle();
    expect(counter.told.map(one => (one as unknown[])[0])).toEqual(['always', 'confirm']);
  });

  it('runs with another input', async () => {
    const counter = new Counter();
    const settle = await shown(counter);
    named('Edit input…').click();
    document.querySelector('textarea')!.value = 'ls build';
    document.querySelector('form')!.requestSubmit();
    await settle();
    expect(counter.told).toEqual([['input', 'sesn_1', 'sevt_1', { command: 'ls build' }]]);
  });

  it('does not run with what is no JSON object, and Escape leaves the form', async () => {
    const counter = new Counter();
    counter.says = { ...counter.says, waiting: [{ ...CALL, name: 'write' }] };
    const settle = await shown(counter);
    named('Edit input…').focus();
    named('Edit input…').click();
    for (const wrong of ['{', '[]', 'null', '5']) {
      document.querySelector('textarea')!.value = wrong;
      document.querySelector('form')!.requestSubmit();
      await settle();
      expect(texts('.ja-approval [role=alert]')).toContain('not a JSON object');
    }
    expect(counter.told).toEqual([]);
    const escape = new KeyboardEvent('keydown', { key: 'Escape', bubbles: true });
    document.querySelector('textarea')!.dispatchEvent(escape);
    expect(document.querySelector('form')).toBeNull();
    expect(document.activeElement).toBe(named('Edit input…'));
  });

  it('says what went wrong, and can be answered again', async () => {
    const counter = new Counter();
    counter.fails = new AnswerError(400, '`sevt_1` has been answered already.');
    const settle = await shown(counter);
    named('Approve').focus();
    named('Approve').click();
    await settle();
    expect(texts('.ja-approval [role=alert]')).toBe('`sevt_1` has been answered already.');
    expect(named('Approve').disabled).toBe(false);
    expect(document.activeElement).toBe(named('Approve'));
  });

  it('keeps what is being typed when the run is drawn again', async () => {
    const settle = await shown(new Counter());
    named('Deny…').click();
    const field = document.querySelector<HTMLInputElement>('.ja-form input')!;
    field.value = 'becau';
    await settle();
    expect(document.activeElement).toBe(field);
    expect(field.isConnected).toBe(true);
  });
});

describe('the whole input', () => {
  it.each([
    ['bash', { command: 'x'.repeat(60_000) + 'END' }, 'END'],
    ['bash', { command: 'ls', restart: true }, 'restart'],
    [
      'edit',
      { file_path: 'a', old_string: 'b', new_string: 'c', replace_all: true },
      'replace_all'
    ],
    ['write', { file_path: 'a', content: 'b', extra: 1 }, 'extra'],
    ['other', { deep: [[[[[[[[[['bottom']]]]]]]]]] }, 'bottom'],
    ['edit', { file_path: 'a', old_string: '', new_string: 'l\n'.repeat(3000) + 'END' }, 'END']
  ])('of %s is shown where it is asked for', (name, input, part) => {
    expect(inputOf(step({ name, input }), words, true).textContent).toContain(part);
  });
});

describe('an announcement', () => {
  it('names the kernel and the path, and stops where the server does not know the route', async () => {
    const slots: (() => void)[] = [];
    const signal = { connect: (slot: () => void) => Boolean(slots.push(slot)) };
    const session = { kernel: { id: 'k-1' } };
    const sessionContext = { session, kernelChanged: signal, connectionStatusChanged: signal };
    const context = {
      path: 'RTC:a/b.ipynb',
      model: { dirty: false },
      pathChanged: signal,
      disposed: signal,
      sessionContext
    };
    const api = { announce: jest.fn(async () => Promise.reject(new AnswerError(404, 'no'))) };
    announce(context, api);
    await new Promise(resolve => setTimeout(resolve));
    slots[0]!();
    expect(api.announce.mock.calls).toEqual([['k-1', 'a/b.ipynb']]);
    session.kernel = { id: 'k-2' };
    slots[0]!();
    expect(api.announce).toHaveBeenCalledTimes(2);
    slots.forEach(slot => slot());
  });

  it('leaves other paths alone', () => {
    expect(ownPath('a/RTC:b.ipynb')).toBe('a/RTC:b.ipynb');
  });
});
