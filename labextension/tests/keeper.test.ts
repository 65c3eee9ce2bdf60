/** @jest-environment node */

import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';

import { claim, release } from '../src/claim';
import { GRACE, Keeper } from '../src/keeper';
import type { Forms, IArtist } from '../src/keeper';
import { MIME_TYPE } from '../src/model';
import type { IRun } from '../src/model';
import { normalise } from '../src/normalise';
import { closed, opened } from '../src/notebooks';

// The page's window, as far as waiting needs it.
Object.assign(globalThis, { window: new EventTarget() });

const TURN = 'sevt_01aaaaaaaaaaaaaaaaaaaaaa';
const never = new AbortController().signal;

function forms(live: boolean, turn = TURN): Forms {
  const transcript = { status: live ? 'running' : 'done', steps: [] };
  const run = { schema: 1, session_id: null, first_event_id: turn, live, transcript };
  return { [MIME_TYPE]: run, 'text/html': '<p>', 'text/markdown': 'm', 'text/plain': 'p' };
}

/** The model of an output in a notebook, which is marked as changed with each write. */
class Output {
  data = forms(true);
  writes = 0;
  readonly document = { dirty: false };

  get model(): IRenderMime.IMimeModel {
    return this as unknown as IRenderMime.IMimeModel;
  }

  setData(options: { data?: unknown }): void {
    this.data = options.data as Forms;
    this.writes += 1;
    this.document.dirty = true;
  }
}

function run(): IRun {
  return normalise(forms(true)[MIME_TYPE])!;
}

const artist = (made: Forms): IArtist => ({ snapshot: async () => made });

/** Other pages hold these names. */
const elsewhere = new Set<string>();

function browser(navigator: object): void {
  Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true });
}

beforeEach(() => {
  jest.useFakeTimers();
  elsewhere.clear();
  const request = async (
    name: string,
    _: unknown,
    hold: (lock: object | null) => Promise<void> | undefined
  ): Promise<void> => {
    await hold(elsewhere.has(name) ? null : {});
  };
  browser({ locks: { request } });
});

afterEach(() => jest.useRealTimers());

async function keep(keeper: Keeper, output: Output, signal = never): Promise<void> {
  const kept = keeper.keep(run(), output.model, signal);
  kept.catch(() => undefined);
  await jest.advanceTimersByTimeAsync(GRACE + 60_000);
  await kept;
}

describe('the end of a turn', () => {
  it('is kept in all its forms, once, and marks the notebook as changed', async () => {
    const output = new Output();
    opened('here.ipynb', output.document);
    const keeper = new Keeper(artist(forms(false)), 'here.ipynb');
    await keeper.begin(TURN, never);
    await keep(keeper, output);
    await keep(keeper, output);
    expect([output.data, output.writes]).toEqual([forms(false), 1]);
    expect(output.document.dirty).toBe(true);
    keeper.release();
    closed(output.document);
  });

  it('is kept without a mark where another page saves it', async () => {
    elsewhere.add(`jupyter-agents:${TURN}`);
    const output = new Output();
    opened('here.ipynb', output.document);
    await keep(new Keeper(artist(forms(false)), 'here.ipynb'), output);
    expect([output.writes, output.document.dirty]).toEqual([1, false]);
    output.document.dirty = true;
    output.data = forms(true);
    await keep(new Keeper(artist(forms(false)), 'here.ipynb'), output);
    expect([output.writes, output.document.dirty]).toEqual([2, true]);
    closed(output.document);
  });

  it('is left to the kernel that says it in time', async () => {
    const output = new Output();
    const stop = new AbortController();
    const kept = new Keeper(artist(forms(false)), '').keep(run(), output.model, stop.signal);
    stop.abort(new Error('the kernel said it'));
    await expect(kept).rejects.toThrow('the kernel said it');
    expect(output.writes).toBe(0);
  });

  it.each([
    ['goes on', forms(true)],
    ['is another', forms(false, TURN.replace('a', 'b'))],
    ['is nothing', {}]
  ])('is not made up where what the server has %s', async (_, made) => {
    const output = new Output();
    await keep(new Keeper(artist(made), ''), output);
    expect(output.writes).toBe(0);
  });

  it('is asked for again while the server is away, but not for ever', async () => {
    const output = new Output();
    const snapshot = jest.fn(async () => Promise.reject(new Error('away')));
    await keep(new Keeper({ snapshot }, ''), output);
    expect([snapshot.mock.calls.length, output.writes]).toEqual([3, 0]);
  });
});

describe('a claim', () => {
  it('is held until each of its users in this page has let go', async () => {
    expect(await claim('x')).toBe(true);
    expect(await claim('x')).toBe(true);
    release('x');
    elsewhere.add('jupyter-agents:x');
    expect(await claim('x')).toBe(true);
    release('x');
    release('x');
    expect(await claim('x')).toBe(false);
  });

  it('is everybody’s where the browser has no locks', async () => {
    browser({});
    expect(await claim('y')).toBe(true);
    release('y');
  });
});
