/** A tool call as a card that opens. Its body is drawn when it is first opened. */

import type { IAnswering } from './approval';
import { ApprovalPanel } from './approval';
import type { Standing } from './approvals';
import { inputOf, outputOf } from './blocks';
import { el, icon } from './dom';
import type { IToolStep } from './model';
import { duration, summary, visible } from './plaintext';
import type { Words } from './words';
import { toolWord } from './words';

export class ToolCard {
  readonly node: HTMLElement;

  constructor(
    step: IToolStep,
    private readonly _words: Words,
    private readonly _answering: () => IAnswering | null = () => null
  ) {
    this._step = step;
    this._details.append(this._summary, this._body);
    this._details.addEventListener('toggle', () => this._drawBody());
    // Who is asked must see all of what is asked.
    this._details.open = step.status === 'waiting';
    this.node = el('li', 'ja-step', this._details);
    this.update(step);
  }

  update(step: IToolStep): void {
    this._step = step;
    this._drawn = false;
    this._details.dataset.status = step.status;
    this._drawSummary();
    this._drawBody();
    this.refresh();
  }

  /** Draws how the call stands with the server, which may have changed. */
  refresh(): void {
    const answering = this._answering();
    const standing = answering?.desk.about(this._step.id) ?? null;
    if (answering && standing && !this._panel) {
      this._panel = new ApprovalPanel(answering, this._words);
      this._details.append(this._panel.node);
    }
    if (standing?.kind !== this._standing?.kind) {
      this._standing = standing;
      this._drawn = false;
      this._drawBody();
    }
    this._panel?.draw(this._step, standing);
  }

  private _drawSummary(): void {
    const step = this._step;
    const name = visible(step.name.slice(0, 120)) || this._words.__('tool');
    const place = step.server ?? step.place ?? null;
    const server =
      place === null ? null : el('span', 'ja-server', visible(place.slice(0, 80)) + ' / ');
    const line = summary(step);
    this._summary.replaceChildren(
      el('span', 'ja-chevron'),
      el('span', 'ja-name', server, name),
      el('code', 'ja-line', line),
      el('span', 'ja-seconds', step.seconds === null ? '' : duration(step.seconds)),
      el(
        'span',
        'ja-status',
        icon(step.status),
        el('span', 'ja-word', toolWord(step.status, this._words))
      )
    );
  }

  private _drawBody(): void {
    if (!this._details.open || this._drawn) {
      return;
    }
    this._drawn = true;
    const { _step: step, _words: words } = this;
    // Who answers sees what the server would run, not what the notebook says.
    const asked = this._standing?.kind === 'open' ? this._standing.call : null;
    const parts: HTMLElement[] = [
      inputOf(asked ? { ...step, ...asked } : step, words, asked !== null)
    ];
    if (step.output.length) {
      parts.push(el('div', 'ja-label', words.__('Output')), outputOf(step, words));
    } else if (step.status === 'ok') {
      parts.push(el('p', 'ja-left-out', words.__('No output')));
    }
    if (step.shown?.length) {
      parts.push(
        el('div', 'ja-label', words.__('Printed here, not sent to the agent')),
        outputOf({ ...step, output: step.shown }, words)
      );
    }
    this._body.replaceChildren(...parts);
  }

  private readonly _details = el('details', 'ja-card');
  private readonly _summary = el('summary', 'ja-summary');
  private readonly _body = el('div', 'ja-body');
  private _step: IToolStep;
  private _drawn = false;
  private _panel: ApprovalPanel | null = null;
  private _standing: Standing | null = null;
}
