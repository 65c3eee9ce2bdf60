import type { IEvent } from '../src/fold';
import type { IToolStep, ITranscript, TurnStatus } from '../src/model';
import { EMPTY_TRANSCRIPT } from '../src/model';
import type { IPast } from '../src/rewind';
import { Rewind } from '../src/rewind';
import { TranscriptView } from '../src/transcript';
import { undoneLines } from '../src/undone';
import type { Words } from '../src/words';

const words = {
  __: (text: string, ...args: unknown[]) =>
    text.replace(/%(\d)/g, (_, n: string) => String(args[Number(n) - 1])),
  _n: (one: string, many: string, n: number) => (n === 1 ? one : many).replace('%1', String(n))
} as unknown as Words;

const CALL = 'sevt_call';
const TURN = { sessionId: 'sesn_1', firstEventId: 'sevt_user', notebook: 'a.ipynb' };
const UNDONE = {
  turns: 1,
  restored: [{ path: 'a.txt', kind: 'modified', partly: false }],
  unchanged: [],
  conflicts: [{ path: 'b.txt', reason: 'somebody else has changed it since' }],
  failed: []
};

function change(path: string, by = 'agent', event_id: string | null = CALL): object {
  return { path, kind: 'created', by, event_id };
}

function event(type: string, id: string, fields: object = {}): IEvent {
  return { type, id, processed_at: '2026-11-21T12:00:00Z', ...fields };
}

const TURNS = [
  event('user.message', 'sevt_user', { content: [] }),
  event('session.status_idle', 'sevt_asks', { stop_reason: { type: 'requires_action' } }),
  event('session.status_idle', 'sevt_end', { stop_reason: { type: 'end_turn' } }),
  event('user.message', 'sevt_next', { content: [] })
];

/** A server in memory, and what it was asked. */
class Past implements IPast {
  asked: unknown[] = [];
  isTied = true;
  changed: object[] = [
    change('a.txt'),
    change('a.txt'),
    change('b.txt'),
    change('c', 'user', null)
  ];
  events: IEvent[] = TURNS;
  fails: Error | null = null;

  async tied(sessionId: string, notebook: string): Promise<boolean> {
    this.asked.push(['tied', sessionId, notebook]);
    return this.isTied;
  }

  async changes(...given: unknown[]): Promise<readonly Record<string, unknown>[]> {
    this.asked.push(['changes', ...given.slice(0, 2)]);
    return this.changed as Record<string, unknown>[];
  }

  async history(): Promise<IEvent[]> {
    return this.events;
  }

  async undo(...given: unknown[]): Promise<unknown> {
    this._take('undo', ...given);
    return UNDONE;
  }

  async fork(...given: unknown[]): Promise<string> {
    this._take('fork', ...given);
    return 'sesn_2';
  }

  private _take(...given: unknown[]): void {
    this.asked.push(given);
    if (this.fails) {
      throw this.fails;
    }
  }
}

async function settle(): Promise<void> {
  await new Promise(resolve => setTimeout(resolve, 5));
}

async function shown(past: Past, status: TurnStatus = 'done'): Promise<void> {
  const step = { kind: 'tool', id: CALL, name: 'bash', input: {}, output: [] };
  const steps = [step as unknown as IToolStep];
  const transcript: ITranscript = { ...EMPTY_TRANSCRIPT, status, steps };
  const rewind = new Rewind(past, TURN, words);
  const opener = { address: (path: string) => path, open: () => true };
  const drawMarkdown = async (): Promise<void> => undefined;
  const view = new TranscriptView({ words, drawMarkdown, opener, rewind: () => rewind });
  document.body.replaceChildren(view.node);
  view.draw(transcript, { omitted: 0, unfollowed: false });
  rewind.see(transcript, view.node, new AbortController().signal);
  await settle();
}

function buttons(): (string | null)[] {
  const all = Array.from(document.querySelectorAll('.ja-rewind:not([hidden]) button'));
  return all.map(one => one.textContent);
}

async function press(name: string): Promise<void> {
  const all = Array.from(document.querySelectorAll<HTMLButtonElement>('.ja-rewind button'));
  const one = all.find(button => button.textContent === name)!;
  one.focus();
  one.click();
  one.click();
  await settle();
}

function said(): (string | null)[] {
  return Array.from(document.querySelector('.ja-rewind [role=status]')!.children).map(
    line => line.textContent
  );
}

describe('a turn that is over', () => {
  it('can be undone and forked from where it changed files', async () => {
    await shown(new Past());
    expect(buttons()).toEqual(['Undo files', 'Fork']);
  });

  it.each([
    ['nothing changed', []],
    ['a later turn did', [change('a.txt', 'agent', 'sevt_later')]],
    ['somebody else did', [change('a.txt', 'user', null), change('a.txt', 'undo', null)]]
  ])('can only be forked from where %s', async (_, changed) => {
    const past = new Past();
    past.changed = changed;
    await shown(past);
    expect(buttons()).toEqual(['Fork']);
  });

  it('has no button in another notebook, and nothing more is asked', async () => {
    const past = new Past();
    past.isTied = false;
    await shown(past);
    expect(buttons()).toEqual([]);
    expect(past.asked).toEqual([['tied', 'sesn_1', 'a.ipynb']]);
  });

  it('has no button where nobody answers', async () => {
    const past = new Past();
    past.tied = async () => Promise.reject(new Error('away'));
    await shown(past);
    expect(buttons()).toEqual([]);
  });
});

it.each<TurnStatus>(['running', 'retrying', 'waiting'])('a turn that is %s: none', async status => {
  const past = new Past();
  await shown(past, status);
  expect(document.querySelector('.ja-rewind')).toBeNull();
  expect(past.asked).toEqual([]);
});

describe('an undo', () => {
  it('is confirmed first, with the names of what it is about', async () => {
    const past = new Past();
    await shown(past);
    await press('Undo files');
    expect(buttons()).toEqual(['Cancel', 'Put back 2 files']);
    expect(said()).toEqual(['The agent changed in this turn and later: a.txt, b.txt']);
    expect(document.activeElement?.textContent).toBe('Cancel');
    expect(past.asked).not.toContainEqual(['undo', 'sesn_1', 'sevt_user']);
  });

  it('is done once, and what came of it is said', async () => {
    const past = new Past();
    await shown(past);
    await press('Undo files');
    await press('Put back 2 files');
    expect(past.asked.filter(one => (one as unknown[])[0] === 'undo')).toEqual([
      ['undo', 'sesn_1', 'sevt_user']
    ]);
    expect(said()).toEqual([
      'The last turn was undone.',
      '1 file put back as before.',
      'Put back: a.txt',
      'Kept: b.txt: somebody else has changed it since'
    ]);
    expect(document.activeElement?.textContent).toBe('Undo files');
  });

  it.each(['Cancel', 'Escape'])('is left with %s', async way => {
    const past = new Past();
    await shown(past);
    await press('Undo files');
    if (way === 'Cancel') {
      await press('Cancel');
    } else {
      const key = new KeyboardEvent('keydown', { key: 'Escape', bubbles: true });
      document.activeElement!.dispatchEvent(key);
    }
    expect([buttons(), said()]).toEqual([['Undo files', 'Fork'], []]);
    expect(past.asked).not.toContainEqual(['undo', 'sesn_1', 'sevt_user']);
  });

  it('says in the words of the server why it was refused', async () => {
    const past = new Past();
    past.fails = new Error('The session runs: stop it first.');
    await shown(past);
    await press('Undo files');
    await press('Put back 2 files');
    expect(said()).toEqual(['The session runs: stop it first.']);
    expect(buttons()).toEqual(['Undo files', 'Fork']);
  });
});

describe('a fork', () => {
  it('goes on from the end of the turn, and it is said how', async () => {
    const past = new Past();
    await shown(past);
    await press('Fork');
    expect(past.asked.at(-1)).toEqual(['fork', 'sesn_1', 'sevt_end']);
    expect(past.asked.filter(one => (one as unknown[])[0] === 'fork')).toHaveLength(1);
    expect(said()).toEqual([
      'sesn_2 goes on from the end of this turn, with the files as they were then.',
      'Go on in it with: %%agent --session sesn_2'
    ]);
    expect(document.activeElement?.textContent).toBe('Fork');
  });

  it.each([[[]], [TURNS.slice(0, 2)]])('needs the end of the turn', async events => {
    const past = new Past();
    past.events = events;
    await shown(past);
    await press('Fork');
    expect(said()).toEqual(['The session does not have the end of this turn.']);
  });
});

describe('what an undo did', () => {
  it('is said of every kind, and of no more than can be read', () => {
    const many = Array.from({ length: 25 }, (_, n) => ({ path: `f${n}`, reason: 'lost' }));
    const lines = undoneLines(
      {
        turns: 2,
        restored: [
          { path: 'a\u202eb', kind: 'created', partly: true },
          { path: 'c', kind: 'deleted', partly: false }
        ],
        unchanged: ['d'],
        failed: many
      },
      words
    );
    expect(lines.slice(0, 2)).toEqual([
      'The last 2 turns were undone.',
      '2 files put back as before.'
    ]);
    expect(lines[2]).toMatch(/^Brought back: a.*b \(as somebody else left it in between\)$/);
    expect(lines[2]).not.toContain('\u202e');
    expect(lines.slice(3, 6)).toEqual([
      'Removed: c',
      '1 file as before already.',
      'Not put back: f0: lost'
    ]);
    expect([lines.length, lines.at(-1)]).toEqual([26, 'and 5 more']);
  });

  it.each([null, 5, { restored: 'x', turns: {} }])('is read from %p without harm', answer => {
    expect(undoneLines(answer, words)).toEqual([
      'The last turn was undone.',
      '0 files put back as before.'
    ]);
  });
});
