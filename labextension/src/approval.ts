/** The part of a card where a person answers: buttons, a reason, another input, and what was said. */

import type { Desk, IAnswer, IWaitingCall, Standing } from './approvals';
import { inputOf } from './blocks';
import { button, el, ownKeys } from './dom';
import type { IOpener } from './footer';
import { edited, editable } from './inputtext';
import type { IToolStep } from './model';
import { visible } from './plaintext';
import type { Words } from './words';

const LONGEST_REASON = 2_000;

export interface IAnswering {
  readonly desk: Desk;
  readonly opener: IOpener;
}

export class ApprovalPanel {
  readonly node: HTMLElement;

  constructor(
    private readonly _answering: IAnswering,
    private readonly _words: Words
  ) {
    this._error.setAttribute('role', 'alert');
    this._news.setAttribute('role', 'status');
    this._group.setAttribute('role', 'group');
    // Where the keyboard's focus rests while there is nothing to press.
    [this._group, this._news].forEach(place => {
      place.tabIndex = -1;
      ownKeys(place);
    });
    this.node = el('div', 'ja-approval', this._group, this._error, this._news);
    this.node.addEventListener('keydown', event => {
      event.stopPropagation();
      if (event.key === 'Escape' && this._call && this._form.hasChildNodes()) {
        this._close();
      }
    });
  }

  /** Draws how the call stands; what a person has begun to type stays. */
  draw(step: IToolStep, standing: Standing | null): void {
    this._step = step;
    const key = standing === null ? '' : standing.kind;
    if (key === this._drawn) {
      return;
    }
    const hadFocus = this.node.contains(document.activeElement);
    this._drawn = key;
    this._call = standing?.kind === 'open' ? standing.call : null;
    this._group.replaceChildren();
    this._form.replaceChildren();
    this._news.replaceChildren();
    if (standing?.kind === 'open') {
      this._drawButtons(standing.call);
      this._say('');
    } else if (standing?.kind === 'elsewhere') {
      this._news.append(this._elsewhere(standing.notebook));
    } else if (standing?.kind === 'answered') {
      this._news.append(...this._answered(standing.answer));
      this._error.hidden = !this._error.textContent;
    }
    this.node.hidden = key === '';
    if (hadFocus && key !== 'open') {
      this._news.focus();
    }
  }

  private _drawButtons(call: IWaitingCall): void {
    const words = this._words;
    const name = visible(call.name.slice(0, 120));
    this._group.setAttribute('aria-label', words.__('Your answer to %1', name));
    const { desk } = this._answering;
    this._buttons.replaceChildren(
      button(words.__('Approve'), 'ja-yes', () => this._send(() => desk.approve(call))),
      button(words.__('Deny…'), '', () => this._askReason(call)),
      button(words.__('Always in this session'), '', () => this._send(() => desk.always(call))),
      button(words.__('Edit input…'), '', () => this._askInput(call))
    );
    const [approve, deny, always] = Array.from(this._buttons.children);
    approve?.setAttribute('aria-label', words.__('Approve %1', name));
    deny?.setAttribute('aria-label', words.__('Deny %1', name));
    always?.setAttribute('aria-label', words.__('Approve %1 always in this session', name));
    this._group.append(this._buttons, this._form);
  }

  private _askReason(call: IWaitingCall): void {
    const words = this._words;
    const field = el('input', 'ja-field');
    field.type = 'text';
    field.maxLength = LONGEST_REASON;
    ownKeys(field);
    const label = el('label', '', words.__('Reason for the agent (may stay empty)'), field);
    this._openForm(label, field, words.__('Deny'), () =>
      this._send(() => this._answering.desk.deny(call, field.value.trim()))
    );
  }

  private _askInput(call: IWaitingCall): void {
    const words = this._words;
    const begun = editable(call);
    const field = el('textarea', 'ja-field ja-code-field');
    field.value = begun.text;
    ownKeys(field);
    field.spellcheck = false;
    field.rows = Math.min(20, Math.max(3, begun.text.split('\n').length + 1));
    const title = begun.json ? words.__('Input (JSON)') : words.__('Command');
    this._openForm(el('label', '', title, field), field, words.__('Run with this input'), () => {
      const read = edited(call, field.value);
      if (read === null) {
        this._say(words.__('This is not a JSON object: check quotes, commas and braces.'));
        field.focus();
        return;
      }
      this._send(() => this._answering.desk.approveWith(call, read));
    });
  }

  private _openForm(
    label: HTMLElement,
    field: HTMLElement,
    action: string,
    submit: () => void
  ): void {
    const form = el(
      'form',
      'ja-form',
      label,
      el(
        'div',
        'ja-buttons',
        submitButton(action),
        button(this._words.__('Cancel'), '', () => this._close())
      )
    );
    form.addEventListener('submit', event => {
      event.preventDefault();
      submit();
    });
    this._say('');
    this._form.replaceChildren(form);
    this._opener = document.activeElement;
    this._buttons.hidden = true;
    field.focus();
  }

  private _close(): void {
    this._form.replaceChildren();
    this._buttons.hidden = false;
    this._say('');
    if (this._opener instanceof HTMLElement) {
      this._opener.focus();
    }
  }

  private _send(work: () => Promise<void>): void {
    if (this._busy) {
      return;
    }
    const focused = document.activeElement;
    this._setBusy(true);
    this._say('');
    work()
      .catch(async (reason: unknown) => {
        this._say(reason instanceof Error ? visible(reason.message.slice(0, 500)) : String(reason));
        await this._answering.desk.refresh();
      })
      .finally(() => {
        this._setBusy(false);
        if (this._call && focused instanceof HTMLElement && focused.isConnected) {
          focused.focus();
        }
      });
  }

  private _setBusy(busy: boolean): void {
    this._busy = busy;
    this._group.setAttribute('aria-busy', String(busy));
    if (busy && this._group.contains(document.activeElement)) {
      this._group.focus();
    }
    this._group
      .querySelectorAll<HTMLButtonElement | HTMLInputElement>('button, input, textarea')
      .forEach(control => {
        control.disabled = busy;
      });
  }

  private _say(words: string): void {
    this._error.textContent = words;
    this._error.hidden = !words;
  }

  private _elsewhere(notebook: string | null): HTMLElement {
    const words = this._words;
    if (notebook === null) {
      return el(
        'span',
        '',
        words.__('The session of this call belongs to no notebook of this server.')
      );
    }
    const { opener } = this._answering;
    const link = el('a', 'ja-file-name', visible(notebook.slice(0, 500)));
    link.href = opener.address(notebook);
    link.addEventListener('click', event => {
      if (opener.open(notebook)) {
        event.preventDefault();
      }
    });
    return el(
      'span',
      '',
      words.__('This call belongs to another notebook; answer it there:'),
      ' ',
      link
    );
  }

  private _answered(answer: IAnswer): (HTMLElement | string)[] {
    const words = this._words;
    const who = visible(answer.by.slice(0, 200)) || words.__('someone');
    const at = Number.isNaN(answer.at) ? '' : new Date(answer.at).toLocaleTimeString();
    const reason = visible(answer.reason.slice(0, LONGEST_REASON));
    let line = answer.allowed
      ? words.__('Approved by %1 at %2', who, at)
      : words.__('Denied by %1 at %2', who, at);
    line += reason ? `: ${reason}` : '';
    if (!answer.input || !this._step) {
      return [line];
    }
    const changed = inputOf({ ...this._step, input: answer.input }, words, true);
    return [
      line,
      el('div', 'ja-label', words.__('It ran with this input in place of the agent’s:')),
      changed
    ];
  }

  private readonly _group = el('div', 'ja-answer');
  private readonly _buttons = el('div', 'ja-buttons');
  private readonly _form = el('div', '');
  private readonly _error = el('p', 'ja-notice ja-error');
  private readonly _news = el('div', 'ja-answered');
  private _step: IToolStep | null = null;
  private _call: IWaitingCall | null = null;
  private _opener: Element | null = null;
  private _drawn: string | null = null;
  private _busy = false;
}

function submitButton(words: string): HTMLButtonElement {
  const node = el('button', 'ja-button ja-yes', words);
  ownKeys(node);
  node.type = 'submit';
  return node;
}
