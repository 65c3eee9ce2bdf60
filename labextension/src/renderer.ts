/** One cell output: draws the saved run, follows the live one, shows whichever knows more. */

import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import type { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';

import { ownPath } from './announce';
import { Api } from './api';
import { Desk } from './approvals';
import { el } from './dom';
import { Keeper } from './keeper';
import { followTurn, further } from './live';
import { markdownDrawer } from './markdown';
import type { IRun, ITranscript } from './model';
import { goesOn, MIME_TYPE } from './model';
import { normalise } from './normalise';
import { opener } from './opener';
import { Rewind } from './rewind';
import { TranscriptView } from './transcript';
import type { Words } from './words';

/** A running turn that neither server nor kernel has told anything about for this long is left. */
export const LEFT_AFTER = 20_000;

export class RunRenderer extends Widget implements IRenderMime.IRenderer {
  constructor(
    options: IRenderMime.IRendererOptions,
    private readonly _words: Words,
    private readonly _api: Api = new Api()
  ) {
    super();
    this.addClass('ja-renderer');
    this._view = new TranscriptView({
      words: _words,
      drawMarkdown: markdownDrawer(options, _words),
      opener,
      desk: () => this._desk,
      rewind: () => this._rewind
    });
    // The interface of a resolver does not name its path, but JupyterLab's has one.
    const path = (options.resolver as { path?: unknown } | null)?.path;
    this._notebook = typeof path === 'string' ? ownPath(path) : '';
    this._keeper = new Keeper(_api, this._notebook);
  }

  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    const run = normalise(model.data[MIME_TYPE]);
    if (!run) {
      this._stop();
      this._run = null;
      this.node.replaceChildren(unreadable(this._words));
      return;
    }
    const other = run.firstEventId !== this._run?.firstEventId;
    if (other || !run.live) {
      this._stop();
    }
    if (other) {
      this._own = null;
      this._desk = this._deskOf(run);
      this._rewind = this._rewindOf(run);
    }
    this._run = run;
    this._model = model;
    this._absent &&= !other;
    this._waitForNews();
    if (run.live && !this._following && !this._absent) {
      void this._follow(run);
    }
    this._draw();
  }

  override dispose(): void {
    if (!this.isDisposed) {
      this._stop();
      this._over.abort();
      this._keeper.release();
      window.clearTimeout(this._timer);
      window.cancelAnimationFrame(this._frame);
    }
    super.dispose();
  }

  protected override onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    if (this._run) {
      this._draw();
    }
  }

  private async _follow(run: IRun): Promise<void> {
    const { sessionId, firstEventId } = run;
    if (sessionId === null || firstEventId === null) {
      this._absent = true;
      return;
    }
    const following = new AbortController();
    const { signal } = following;
    this._following = following;
    const changed = (transcript: () => ITranscript): void => {
      this._own = transcript;
      this._schedule();
    };
    try {
      await this._keeper.begin(firstEventId, signal);
      const turn = { sessionId, firstEventId, notebook: this._notebook };
      const outcome = await followTurn(this._api, turn, changed, signal);
      this._absent = outcome === 'absent';
      if (outcome === 'ended' && this._run && this._model) {
        await this._keeper.keep(this._run, this._model, signal);
      }
    } catch {
      return;
    }
    if (!signal.aborted) {
      this._following = null;
      this._absent ||= this._own === null;
      this._waitForNews();
      this._schedule();
    }
  }

  private _deskOf(run: IRun): Desk | null {
    if (run.sessionId === null) {
      return null;
    }
    const desk = new Desk(this._api, run.sessionId, this._notebook, () => {
      if (this.isDisposed || this._desk !== desk) {
        return false;
      }
      // A call can be answered here although its cell is over: see what comes of it.
      if (desk.open && !this._following && !this._absent) {
        void this._follow(run);
      }
      this._schedule();
      return true;
    });
    return desk;
  }

  private _rewindOf(run: IRun): Rewind | null {
    const { sessionId, firstEventId } = run;
    if (sessionId === null || firstEventId === null || !this._notebook) {
      return null;
    }
    const turn = { sessionId, firstEventId, notebook: this._notebook };
    return new Rewind(this._api, turn, this._words);
  }

  private _stop(): void {
    this._following?.abort();
    this._following = null;
  }

  private _waitForNews(): void {
    window.clearTimeout(this._timer);
    this._left = false;
    this._timer = window.setTimeout(() => {
      this._left = true;
      this._schedule();
    }, LEFT_AFTER);
  }

  private _schedule(): void {
    window.cancelAnimationFrame(this._frame);
    this._frame = window.requestAnimationFrame(() => this._draw());
  }

  private _draw(): void {
    const run = this._run;
    if (!run || this.isDisposed) {
      return;
    }
    if (this._view.node.parentNode !== this.node) {
      this.node.replaceChildren(this._view.node);
    }
    const transcript = this._best(run);
    this._desk?.see(transcript, run.live);
    this._rewind?.see(transcript, this.node, this._over.signal);
    const deleted = this._absent && this._own !== null;
    const silent = this._left || !run.live || deleted;
    const unfollowed = goesOn(transcript.status) && !this._following && silent;
    this._view.draw(transcript, { omitted: run.omitted, unfollowed });
  }

  private _best(run: IRun): ITranscript {
    if (!this._own) {
      return run.transcript;
    }
    return further(this._own(), run.transcript);
  }

  private readonly _view: TranscriptView;
  private readonly _notebook: string;
  private readonly _keeper: Keeper;
  private readonly _over = new AbortController();
  private _desk: Desk | null = null;
  private _rewind: Rewind | null = null;
  private _run: IRun | null = null;
  private _model: IRenderMime.IMimeModel | null = null;
  private _own: (() => ITranscript) | null = null;
  private _following: AbortController | null = null;
  private _absent = false;
  private _left = false;
  private _timer = 0;
  private _frame = 0;
}

function unreadable(words: Words): HTMLElement {
  return el(
    'p',
    'ja-left-out',
    words.__('This agent run was saved in a form that this version of jupyter-agents cannot draw.')
  );
}
