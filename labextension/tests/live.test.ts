/** @jest-environment node */

import type { IEvent } from '../src/fold';
import { fold } from '../src/fold';
import { followTurn, further, MAX_STREAMS } from '../src/live';
import type { ISource } from '../src/live';
import type { IToolStep, ITranscript } from '../src/model';

// The page's window, as far as following needs it.
const page = new EventTarget();
Object.assign(globalThis, { window: page });

const TURN = { sessionId: 'sesn_1', firstEventId: 'user', notebook: 'here.ipynb' };

function event(type: string, id: string, second: number, fields: object = {}): IEvent {
  return { type, id, processed_at: `2026-10-01T09:00:0${second}.000000Z`, ...fields };
}

const USER = event('user.message', 'user', 0, { content: [{ type: 'text', text: 'Go.' }] });
const MESSAGE = event('agent.message', 'msg', 1, { content: [{ type: 'text', text: 'Hello.' }] });
const MORE = event('agent.message', 'more', 2, { content: [{ type: 'text', text: 'More.' }] });
const IDLE = event('session.status_idle', 'idle', 3, { stop_reason: { type: 'end_turn' } });

interface IScript {
  /** What each listing answers; an error is thrown. The last one stays. */
  readonly histories: (IEvent[] | Error)[];
  /** What each stream gives before it breaks. */
  readonly streams: IEvent[][];
  /** Whether the session is the notebook's own. */
  readonly tied?: boolean;
}

function source(script: IScript): ISource & { calls: string[]; open: number } {
  const result = {
    calls: [] as string[],
    open: 0,
    async tied(): Promise<boolean> {
      return script.tied ?? true;
    },
    async history(): Promise<IEvent[]> {
      result.calls.push('history');
      const next = script.histories.length > 1 ? script.histories.shift()! : script.histories[0]!;
      if (next instanceof Error) {
        throw next;
      }
      return next;
    },
    async follow(_: string, signal: AbortSignal): Promise<AsyncIterable<IEvent>> {
      result.calls.push('follow');
      result.open += 1;
      signal.addEventListener('abort', () => (result.open -= 1));
      const events = script.streams.shift() ?? [];
      return (async function* () {
        yield* events;
      })();
    }
  };
  return result;
}

function answer(status: number): Error {
  return Object.assign(new Error('answer'), { status });
}

async function run(
  script: IScript
): Promise<{ outcome: string; calls: string[]; last: ITranscript | null }> {
  jest.useFakeTimers();
  try {
    const given = source(script);
    let last: ITranscript | null = null;
    const going = followTurn(given, TURN, now => (last = now()), new AbortController().signal);
    const ticking = (async () => {
      for (let n = 0; n < 50; n++) {
        await jest.advanceTimersByTimeAsync(5_000);
      }
    })();
    const outcome = await going;
    await ticking;
    expect(given.open).toBe(0);
    return { outcome, calls: given.calls, last };
  } finally {
    jest.useRealTimers();
  }
}

describe('followTurn', () => {
  it('needs one listing for a turn that is over', async () => {
    const { outcome, calls, last } = await run({ histories: [[USER, MESSAGE, IDLE]], streams: [] });
    expect([outcome, calls]).toEqual(['ended', ['history']]);
    expect(last).toEqual(fold([USER, MESSAGE, IDLE]));
  });

  it('takes what happened before and after the stream was open, once', async () => {
    const { outcome, calls, last } = await run({
      histories: [[USER], [USER, MESSAGE]],
      streams: [[MESSAGE, MORE, IDLE]]
    });
    expect([outcome, calls]).toEqual(['ended', ['history', 'follow', 'history']]);
    expect(last).toEqual(fold([USER, MESSAGE, MORE, IDLE]));
  });

  it('lets go of a stream that the second listing made needless', async () => {
    const { outcome } = await run({ histories: [[USER], [USER, IDLE]], streams: [[]] });
    expect(outcome).toBe('ended');
  });

  it('goes on after a broken stream and after a server that was away', async () => {
    const { outcome, last } = await run({
      histories: [
        [USER],
        [USER],
        new TypeError('network'),
        answer(502),
        answer(429),
        [USER, MESSAGE],
        [USER, MESSAGE]
      ],
      streams: [[], [MORE, IDLE]]
    });
    expect(outcome).toBe('ended');
    expect(last).toEqual(fold([USER, MESSAGE, MORE, IDLE]));
  });

  it.each([400, 401, 403, 404])('gives up where the server says %d', async status => {
    const { outcome, last } = await run({ histories: [answer(status)], streams: [] });
    expect([outcome, last]).toEqual(['absent', null]);
  });

  it('leaves a session of another notebook alone', async () => {
    const { outcome, calls } = await run({ histories: [[USER]], streams: [], tied: false });
    expect([outcome, calls]).toEqual(['absent', []]);
  });

  it('lists again at once when the machine is back on the network', async () => {
    jest.useFakeTimers();
    const given = source({ histories: [answer(503), [USER, IDLE]], streams: [] });
    const going = followTurn(given, TURN, () => undefined, new AbortController().signal);
    await jest.advanceTimersByTimeAsync(1);
    expect(given.calls).toEqual(['history']);
    page.dispatchEvent(new Event('online'));
    await jest.advanceTimersByTimeAsync(1);
    expect(await going).toBe('ended');
    jest.useRealTimers();
  });

  it('gives up where the session does not have the turn', async () => {
    expect((await run({ histories: [[]], streams: [] })).outcome).toBe('absent');
  });

  it('stops at once when it is told to', async () => {
    const stop = new AbortController();
    const given = source({ histories: [[USER]], streams: [] });
    const going = followTurn(given, TURN, () => stop.abort(new Error('closed')), stop.signal);
    await expect(going).rejects.toThrow('closed');
  });

  it(`opens ${MAX_STREAMS} streams at most and lists again instead`, async () => {
    jest.useFakeTimers();
    const stop = new AbortController();
    const never: ISource = {
      tied: async () => true,
      history: async () => [USER],
      follow: async (_, signal) =>
        (async function* () {
          await new Promise((_resolve, reject) =>
            signal.addEventListener('abort', () => reject(new Error('over')))
          );
          yield USER;
        })()
    };
    const follow = jest.spyOn(never, 'follow');
    const history = jest.spyOn(never, 'history');
    const all = Array.from({ length: MAX_STREAMS + 1 }, () =>
      followTurn(never, TURN, () => undefined, stop.signal).catch(() => 'stopped')
    );
    await jest.advanceTimersByTimeAsync(10_000);
    expect(follow).toHaveBeenCalledTimes(MAX_STREAMS);
    expect(history.mock.calls.length).toBeGreaterThan(2 * MAX_STREAMS + 2);
    stop.abort(new Error('closed'));
    expect(await Promise.all(all)).toEqual(all.map(() => 'stopped'));
    jest.useRealTimers();
  });
});

describe('further', () => {
  const short = fold([USER, MESSAGE]);
  const long = fold([USER, MESSAGE, MORE]);
  const over = fold([USER, MESSAGE, IDLE]);
  const files = [{ path: 'a', size: 1, file_id: null, url: null }];

  it.each([
    [short, long, long],
    [long, short, long],
    [over, long, over],
    [long, over, over]
  ])('is the one that knows more, %#', (own, saved, wanted) => {
    expect(further(own, saved).steps).toBe(wanted.steps);
    expect(further(own, saved).status).toBe(wanted.status);
  });

  it('keeps what only the kernel knows', () => {
    const saved = { ...short, files, footer: { ...short.footer, model: 'm', input_tokens: 9 } };
    const best = further(over, saved);
    expect(best.files).toBe(files);
    expect(best.footer).toEqual({ ...over.footer, model: 'm' });
  });
});

describe('a function of the notebook', () => {
  const USE = event('agent.custom_tool_use', 'use', 1, { name: 'sales', input: {} });
  const ASKED = event('session.status_idle', 'asked', 2, {
    stop_reason: { type: 'requires_action', event_ids: ['use'] }
  });
  const OTHER = event('agent.custom_tool_use', 'other', 1, { name: 'theirs', input: {} });
  const SHOWN = [{ type: 'text', text: 'printed' }];

  function saved(own: ITranscript, status: IToolStep['status']): ITranscript {
    const steps = own.steps.map(step =>
      step.id === 'use' ? { ...(step as IToolStep), status, place: 'kernel', shown: SHOWN } : step
    );
    return { ...own, status: 'running', steps };
  }

  it('runs, as its kernel says, though the server waits for its result', () => {
    const own = fold([USER, USE, ASKED]);
    expect(own.status).toBe('waiting');
    const best = further(own, saved(own, 'running'));
    expect(best.status).toBe('running');
    expect(best.steps[0]).toMatchObject({ status: 'running', place: 'kernel', shown: SHOWN });
  });

  it('leaves another call that waits as it is', () => {
    const own = fold([USER, USE, OTHER, ASKED]);
    const best = further(own, saved(own, 'running'));
    expect(best.status).toBe('waiting');
    expect(best.steps.map(step => (step as IToolStep).status)).toEqual(['running', 'waiting']);
  });

  it('keeps the result that the server has', () => {
    const before = fold([USER, USE, ASKED]);
    const result = event('user.custom_tool_result', 'result', 3, {
      custom_tool_use_id: 'use',
      is_error: true,
      content: SHOWN
    });
    const best = further(fold([USER, USE, ASKED, result]), saved(before, 'running'));
    expect(best.steps[0]).toMatchObject({ status: 'error', place: 'kernel', output: SHOWN });
  });
});
