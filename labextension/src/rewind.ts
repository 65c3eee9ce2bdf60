/**
 * Below a turn that is over: its files are put back, or a new session goes on from its end.
 *
 * No button is there before the server has said that the session belongs to the notebook.
 */

import { button, el, onceSeen, ownKeys } from './dom';
import type { IEvent } from './fold';
import { Fold } from './fold';
import type { ITurn } from './live';
import type { ITranscript } from './model';
import { goesOn } from './model';
import { visible } from './plaintext';
import { named, undoneLines } from './undone';
import type { Bag } from './wire';
import { text } from './wire';
import type { Words } from './words';

/** How the page reaches a session's past; `Api` is one. */
export interface IPast {
  tied(sessionId: string, notebook: string, signal: AbortSignal): Promise<boolean>;
  history(sessionId: string, firstEventId: string): Promise<IEvent[]>;
  changes(sessionId: string, eventId: string, signal?: AbortSignal): Promise<readonly Bag[]>;
  undo(sessionId: string, eventId: string): Promise<unknown>;
  fork(sessionId: string, eventId: string): Promise<string>;
}

export class Rewind {
  readonly node: HTMLElement;

  constructor(
    private readonly _past: IPast,
    private readonly _turn: ITurn,
    private readonly _words: Words
  ) {
    this._buttons.setAttribute('role', 'group');
    this._buttons.setAttribute('aria-label', _words.__('Back to this turn'));
    this._said.setAttribute('role', 'status');
    this.node = el('div', 'ja-rewind', this._buttons, this._said);
    this.node.hidden = true;
    ownKeys(this.node);
    this.node.addEventListener('keydown', event => {
      event.stopPropagation();
      if (event.key === 'Escape' && this._asking) {
        this._cancel();
      }
    });
  }

  /** Offers what can be done about a turn that is over, once `host` is in sight. */
  see(transcript: ITranscript, host: Element, signal: AbortSignal): void {
    if (this._seen || goesOn(transcript.status)) {
      return;
    }
    this._seen = true;
    onceSeen(host, () => void this._offer(transcript, signal).catch(() => undefined));
  }

  private async _offer(transcript: ITranscript, signal: AbortSignal): Promise<void> {
    const { sessionId, firstEventId, notebook } = this._turn;
    if (!(await this._past.tied(sessionId, notebook, signal))) {
      return;
    }
    const calls = new Set(transcript.steps.map(step => step.id));
    const changes = await this._past.changes(sessionId, firstEventId, signal);
    this._undoable = byAgent(changes).some(change => calls.has(text(change.event_id)));
    this._rest([]);
    this.node.hidden = false;
  }

  /** The two buttons again, and what is to be said. */
  private _rest(said: readonly (string | Node)[]): void {
    const words = this._words;
    const undo = (): void => this._do(() => this._ask());
    const fork = (): void => this._do(() => this._fork());
    this._asking = false;
    this._show(said, [
      ...(this._undoable ? [button(words.__('Undo files'), '', undo)] : []),
      button(words.__('Fork'), '', fork)
    ]);
  }

  private async _ask(): Promise<void> {
    const words = this._words;
    const { sessionId, firstEventId } = this._turn;
    const changes = byAgent(await this._past.changes(sessionId, firstEventId));
    const paths = [...new Set(changes.map(change => text(change.path)))];
    const put = words._n('Put back %1 file', 'Put back %1 files', paths.length);
    this._asking = true;
    this._show(
      [words.__('The agent changed in this turn and later: %1', named(paths, words))],
      [
        // First, where a double click or a held key ends up.
        button(words.__('Cancel'), '', () => this._cancel()),
        button(put, '', () => this._do(() => this._undo()))
      ]
    );
  }

  private _cancel(): void {
    if (!this._busy) {
      this._rest([]);
    }
  }

  private async _undo(): Promise<void> {
    const { sessionId, firstEventId } = this._turn;
    this._rest(undoneLines(await this._past.undo(sessionId, firstEventId), this._words));
  }

  private async _fork(): Promise<void> {
    const words = this._words;
    const { sessionId, firstEventId } = this._turn;
    const end = lastOf(await this._past.history(sessionId, firstEventId));
    if (end === null) {
      throw new Error(words.__('The session does not have the end of this turn.'));
    }
    const id = visible(await this._past.fork(sessionId, end));
    this._rest([
      words.__('%1 goes on from the end of this turn, with the files as they were then.', id),
      el('span', '', words.__('Go on in it with:'), ' ', el('code', '', `%%agent --session ${id}`))
    ]);
  }

  private _do(work: () => Promise<void>): void {
    if (this._busy) {
      return;
    }
    this._busy = true;
    this.node.setAttribute('aria-busy', 'true');
    work()
      .catch((reason: unknown) => {
        this._rest([visible((reason as Error).message.slice(0, 500))]);
      })
      .finally(() => {
        this._busy = false;
        this.node.removeAttribute('aria-busy');
      });
  }

  private _show(said: readonly (string | Node)[], buttons: readonly HTMLElement[]): void {
    const focused = this._buttons.querySelector(':focus');
    this._buttons.replaceChildren(...buttons);
    this._said.replaceChildren(...said.map(line => el('div', '', line)));
    if (focused) {
      const again = buttons.find(one => one.textContent === focused.textContent);
      (again ?? buttons[0])?.focus();
    }
  }

  private readonly _buttons = el('div', 'ja-buttons');
  private readonly _said = el('div', 'ja-rewound');
  private _seen = false;
  private _undoable = false;
  private _asking = false;
  private _busy = false;
}

function byAgent(changes: readonly Bag[]): readonly Bag[] {
  return changes.filter(change => change.by === 'agent');
}

/** The id of the event with which the turn ended. */
function lastOf(events: readonly IEvent[]): string | null {
  const fold = new Fold();
  for (const event of events) {
    fold.push(event);
    if (fold.ended) {
      return text(event.id);
    }
  }
  return null;
}
