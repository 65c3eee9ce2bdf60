/** Server-sent events: text chunks -> frames. Comments, ids and retry hints are passed over. */

export interface IFrame {
  readonly event: string;
  readonly data: string;
}

/** A frame that does not end within this many characters ends the stream. */
export const MAX_FRAME = 32_000_000;

export class FrameParser {
  /** Takes the next chunk and gives the frames that it completes. */
  push(chunk: string): IFrame[] {
    const text = this._rest + chunk;
    // A carriage return at the very end may be half of a line's end.
    const end = text.endsWith('\r') ? text.length - 1 : text.length;
    const lines = text.slice(0, end).split(/\r\n|\n|\r/);
    this._rest = (lines.pop() ?? '') + text.slice(end);
    const frames: IFrame[] = [];
    for (const line of lines) {
      this._size += line.length;
      const frame = this._line(line);
      if (frame) {
        frames.push(frame);
      }
    }
    if (this._size + this._rest.length > MAX_FRAME) {
      throw new Error('A frame of the event stream is too long.');
    }
    return frames;
  }

  private _line(line: string): IFrame | null {
    if (line === '') {
      const frame = { event: this._event || 'message', data: this._data.join('\n') };
      const complete = this._data.length > 0;
      this._event = '';
      this._data = [];
      this._size = 0;
      return complete ? frame : null;
    }
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') {
      this._event = value;
    } else if (field === 'data') {
      this._data.push(value);
    }
    return null;
  }

  private _rest = '';
  private _event = '';
  private _data: string[] = [];
  private _size = 0;
}

/**
 * The frames of a response's body, until it ends.
 *
 * @param alive - called for every chunk, comments included: the connection lives.
 */
export async function* frames(
  body: ReadableStream<Uint8Array>,
  alive: () => void
): AsyncGenerator<IFrame, void, undefined> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const parser = new FrameParser();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) {
        return;
      }
      alive();
      for (const frame of parser.push(decoder.decode(value, { stream: true }))) {
        yield frame;
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
