/** Following a turn that runs: history, stream, and again after every break, until the turn ends. */

import type { IEvent } from './fold';
import { Fold } from './fold';
import type { IToolStep, ITranscript } from './model';

/** Where events come from; `Api` is one. */
export interface ISource {
  /** Whether the session belongs to the notebook at that path. */
  tied(sessionId: string, notebook: string, signal: AbortSignal): Promise<boolean>;
  history(sessionId: string, firstEventId: string, signal: AbortSignal): Promise<IEvent[]>;
  follow(sessionId: string, signal: AbortSignal): Promise<AsyncIterable<IEvent>>;
}

export interface ITurn {
  readonly sessionId: string;
  readonly firstEventId: string;
  /** The path of the notebook that shows it: a session of another one is not followed. */
  readonly notebook: string;
}

/** How a following ended: with the turn, or because the server does not have it for this notebook. */
export type Outcome = 'ended' | 'absent';

/** A browser allows six connections to a server; JupyterLab needs most of them. */
export const MAX_STREAMS = 3;
const POLL = 2_000;
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 15_000;

let streams = 0;

/**
 * Follows `turn` until it ends, and calls `changed` whenever there is more of it.
 *
 * @throws the signal's reason when it is aborted.
 */
export async function followTurn(
  source: ISource,
  turn: ITurn,
  changed: (transcript: () => ITranscript) => void,
  signal: AbortSignal
): Promise<Outcome> {
  const fold = new Fold();
  const take = (events: readonly IEvent[]): void => {
    events.forEach(event => fold.push(event));
    if (fold.begun) {
      changed(() => fold.transcript);
    }
  };
  const { sessionId, firstEventId, notebook } = turn;
  let tied = false;
  let pause = FIRST_PAUSE;
  for (;;) {
    try {
      tied ||= await source.tied(sessionId, notebook, signal);
      if (!tied) {
        return 'absent';
      }
      const events = await source.history(sessionId, firstEventId, signal);
      if (!events.length) {
        return 'absent';
      }
      take(events);
      if (!fold.ended && streams < MAX_STREAMS) {
        await stream(source, turn, fold, take, signal, () => {
          pause = FIRST_PAUSE;
        });
      } else {
        pause = POLL;
      }
    } catch (error) {
      signal.throwIfAborted();
      if (refused(error)) {
        return 'absent';
      }
    }
    if (fold.ended) {
      return 'ended';
    }
    await sleep(pause * (0.75 + Math.random() / 2), signal);
    pause = Math.min(LONGEST_PAUSE, pause * 2);
  }
}

async function stream(
  source: ISource,
  turn: ITurn,
  fold: Fold,
  take: (events: readonly IEvent[]) => void,
  signal: AbortSignal,
  received: () => void
): Promise<void> {
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  streams += 1;
  try {
    const coming = await source.follow(turn.sessionId, either);
    const between = await source.history(turn.sessionId, turn.firstEventId, signal);
    take(between);
    if (fold.ended) {
      return;
    }
    for await (const event of coming) {
      received();
      take([event]);
      if (fold.ended) {
        return;
      }
    }
  } finally {
    over.abort();
    streams -= 1;
  }
}

/** Whether an error is the server's word that there is nothing to be had, now or later. */
function refused(error: unknown): boolean {
  const status = (error as { status?: unknown } | null)?.status;
  return typeof status === 'number' && status >= 400 && status < 500 && status !== 429;
}

/** Waits; a machine that is back on the network need not wait to the end. */
export async function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const clear = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      window.removeEventListener('online', wake);
    };
    const stop = (): void => {
      clear();
      reject(signal.reason as Error);
    };
    const wake = (): void => {
      clear();
      resolve();
    };
    const timer = setTimeout(wake, milliseconds);
    signal.addEventListener('abort', stop);
    window.addEventListener('online', wake);
  });
}

/** The one of two transcripts of a turn that knows more of it; `own` where they know the same. */
export function further(own: ITranscript, saved: ITranscript): ITranscript {
  const [a, b] = [progress(own), progress(saved)];
  const difference = a.map((value, index) => value - (b[index] ?? 0));
  const best = (difference.find(value => value !== 0) ?? 0) >= 0 ? own : saved;
  return {
    ...withKernel(best, saved),
    files: saved.files.length ? saved.files : own.files,
    footer: { ...saved.footer, ...best.footer }
  };
}

/** `transcript` with what only the kernel's bundle knows of the calls that the kernel itself runs. */
function withKernel(transcript: ITranscript, saved: ITranscript): ITranscript {
  const known = new Map<string, IToolStep>();
  for (const step of saved.steps) {
    if (step.kind === 'tool' && step.place) {
      known.set(step.id, step);
    }
  }
  if (!known.size || transcript === saved) {
    return transcript;
  }
  const steps = transcript.steps.map(step => {
    const own = step.kind === 'tool' ? known.get(step.id) : undefined;
    if (step.kind !== 'tool' || !own) {
      return step;
    }
    const status = step.status === 'waiting' ? own.status : step.status;
    return { ...step, status, place: own.place ?? null, shown: own.shown ?? [] };
  });
  const waits = steps.some(step => step.kind === 'tool' && step.status === 'waiting');
  const status = transcript.status === 'waiting' && !waits ? 'running' : transcript.status;
  return { ...transcript, status, steps };
}

function progress(transcript: ITranscript): number[] {
  const { steps, status } = transcript;
  const over = !['running', 'retrying', 'waiting'].includes(status);
  const settled = steps.filter(
    step =>
      (step.kind === 'tool' && step.status !== 'running' && step.status !== 'waiting') ||
      ('partial' in step && !step.partial)
  );
  const letters = steps.reduce(
    (sum, step) => sum + (step.kind === 'text' ? step.markdown.length : 0),
    0
  );
  return [Number(over), steps.length, settled.length, letters];
}
