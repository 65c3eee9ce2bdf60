/**
 * Keeps the end of a turn in the notebook whose kernel did not: once, and by one page.
 *
 * What is kept is the server's, in all the forms that the kernel's own bundle has.
 */

import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';

import { claim, release } from './claim';
import { sleep } from './live';
import type { IBlock, IRun } from './model';
import { MIME_TYPE } from './model';
import { normalise } from './normalise';
import { unmarked } from './notebooks';

/** Milliseconds that a living kernel has to say the end by itself. */
export const GRACE = 2_000;
const PAUSES = [1_000, 4_000, 15_000];

export type Forms = Readonly<Record<string, unknown>>;

/** Where a turn's forms come from; `Api` is one. */
export interface IArtist {
  snapshot(
    run: IRun,
    notebook: string,
    shown: Readonly<Record<string, readonly IBlock[]>>,
    signal: AbortSignal
  ): Promise<Forms>;
}

export class Keeper {
  constructor(
    private readonly _artist: IArtist,
    private readonly _notebook: string
  ) {}

  /** A turn is followed: the page that does so first is the one that marks its notebook as changed. */
  async begin(firstEventId: string, signal: AbortSignal): Promise<void> {
    if (this._claimed === firstEventId) {
      return;
    }
    this.release();
    if (await claim(firstEventId)) {
      this.release();
      this._claimed = firstEventId;
    }
    if (signal.aborted) {
      this.release();
    }
  }

  /**
   * The turn is over for the server: keep it in `model`, if that still has it as one that goes on.
   *
   * @throws the signal's reason when it is aborted: somebody else has said the end.
   */
  async keep(run: IRun, model: IRenderMime.IMimeModel, signal: AbortSignal): Promise<void> {
    await sleep(GRACE, signal);
    const forms = await this._forms(run, signal);
    if (!forms || !run.firstEventId || !isEndOf(forms, run)) {
      return;
    }
    await this.begin(run.firstEventId, signal);
    signal.throwIfAborted();
    const saved = normalise(model.data[MIME_TYPE]);
    if (!saved?.live || saved.firstEventId !== run.firstEventId) {
      return;
    }
    const write = (): void => model.setData({ data: forms as IRenderMime.IMimeModel['data'] });
    if (this._claimed === run.firstEventId) {
      write();
    } else {
      unmarked(this._notebook, write);
    }
  }

  release(): void {
    if (this._claimed !== null) {
      release(this._claimed);
      this._claimed = null;
    }
  }

  private async _forms(run: IRun, signal: AbortSignal): Promise<Forms | null> {
    const shown: Record<string, readonly IBlock[]> = {};
    for (const step of run.transcript.steps) {
      if (step.kind === 'tool' && step.shown?.length) {
        shown[step.id] = step.shown;
      }
    }
    for (const pause of PAUSES) {
      try {
        return await this._artist.snapshot(run, this._notebook, shown, signal);
      } catch {
        await sleep(pause, signal);
      }
    }
    return null;
  }

  private _claimed: string | null = null;
}

function isEndOf(forms: Forms, run: IRun): boolean {
  const made = normalise(forms[MIME_TYPE]);
  return made !== null && !made.live && made.firstEventId === run.firstEventId;
}
