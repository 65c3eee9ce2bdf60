/** @jest-environment node */

import { FrameParser, frames, MAX_FRAME } from '../src/sse';
import type { IFrame } from '../src/sse';

const TEXT =
  ': connected\n\n' +
  'event: message\ndata: {"a":1}\n\n' +
  ':keepalive\n\n' +
  'event: message\r\ndata: one\r\ndata:two\r\nid: 7\r\nretry: 10\r\n\r\n' +
  'data: unnamed\n\n' +
  'event: ping\n\n' +
  'event: error\ndata: {"e":"ü"}\r\r' +
  'data: cut off';

const FRAMES: IFrame[] = [
  { event: 'message', data: '{"a":1}' },
  { event: 'message', data: 'one\ntwo' },
  { event: 'message', data: 'unnamed' },
  { event: 'error', data: '{"e":"ü"}' }
];

function body(
  chunks: Uint8Array[],
  cancelled: () => void = () => undefined
): ReadableStream<Uint8Array> {
  const reader = {
    read: async () => {
      const value = chunks.shift();
      return value ? { done: false, value } : { done: true, value: undefined };
    },
    cancel: async () => cancelled()
  };
  return { getReader: () => reader } as unknown as ReadableStream<Uint8Array>;
}

describe('FrameParser', () => {
  it.each([1, 2, 3, 7, 1000])('gives the same frames in chunks of %d', size => {
    const parser = new FrameParser();
    const found: IFrame[] = [];
    for (let at = 0; at < TEXT.length; at += size) {
      found.push(...parser.push(TEXT.slice(at, at + size)));
    }
    expect(found).toEqual(FRAMES);
  });

  it('refuses a frame that never ends', () => {
    const parser = new FrameParser();
    const chunk = 'data: ' + 'x'.repeat(MAX_FRAME / 4) + '\n';
    expect(() => {
      for (let n = 0; n < 5; n++) {
        parser.push(chunk);
      }
    }).toThrow('too long');
  });
});

describe('frames', () => {
  it('decodes characters that are split over chunks and reports every chunk', async () => {
    const bytes = new TextEncoder().encode(TEXT);
    const chunks = Array.from(bytes, byte => new Uint8Array([byte]));
    const alive = jest.fn();
    const found: IFrame[] = [];
    for await (const frame of frames(body(chunks), alive)) {
      found.push(frame);
    }
    expect(found).toEqual(FRAMES);
    expect(alive).toHaveBeenCalledTimes(bytes.length);
  });

  it('lets go of the body when nobody listens any more', async () => {
    const cancelled = jest.fn();
    const chunks = [
      new TextEncoder().encode('data: a\n\n'),
      new TextEncoder().encode('data: b\n\n')
    ];
    for await (const frame of frames(body(chunks, cancelled), () => undefined)) {
      expect(frame.data).toBe('a');
      break;
    }
    expect(cancelled).toHaveBeenCalledTimes(1);
  });
});
