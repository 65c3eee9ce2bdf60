/** One element per step; each is updated in place for as long as its id and kind stay. */

import type { IAnswering } from './approval';
import { ToolCard } from './card';
import { el, icon } from './dom';
import type { Glyph } from './dom';
import type { INoticeStep, ISteerStep, ITextStep, IThinkingStep, Step } from './model';
import { capped, visible } from './plaintext';
import type { Words } from './words';

export const MAX_MARKDOWN = 100_000;

/** Draws untrusted markdown into `host`, safely; resolves when it is there. */
export type DrawMarkdown = (host: HTMLElement, markdown: string, partial: boolean) => Promise<void>;

export interface IStepView {
  readonly node: HTMLElement;
  update(step: Step): void;
  /** Draws again what does not come from the step itself. */
  refresh?(): void;
}

export function stepView(
  step: Step,
  drawMarkdown: DrawMarkdown,
  words: Words,
  answering?: () => IAnswering | null
): IStepView {
  switch (step.kind) {
    case 'tool':
      return new ToolCard(step, words, answering);
    case 'text':
      return new TextView(step, drawMarkdown, words);
    case 'thinking':
      return redrawn(step, current => thinking(current as IThinkingStep, words));
    case 'steer':
      return redrawn(step, current => steer(current as ISteerStep, words));
    case 'notice':
      return redrawn(step, current => notice(current as INoticeStep));
  }
}

/** Words that a model writes, drawn again as they grow, but never faster than the page can. */
class TextView {
  readonly node: HTMLElement;

  constructor(
    step: ITextStep,
    private readonly _drawMarkdown: DrawMarkdown,
    private readonly _words: Words
  ) {
    this.node = el('li', 'ja-step ja-text', this._host);
    this._wanted = step;
    void this._draw();
  }

  update(step: ITextStep): void {
    this._wanted = step;
    void this._draw();
  }

  private async _draw(): Promise<void> {
    if (this._drawing) {
      return;
    }
    this._drawing = true;
    let drawn: ITextStep | null = null;
    while (drawn !== this._wanted) {
      drawn = this._wanted;
      const begin = performance.now();
      const { shown, omitted } = capped(drawn.markdown, MAX_MARKDOWN);
      await this._drawMarkdown(this._host, shown, drawn.partial);
      this.node.classList.toggle('ja-partial', drawn.partial);
      if (omitted) {
        const more = this._words._n('… %1 more character', '… %1 more characters', omitted);
        this._host.append(el('p', 'ja-left-out', more));
      }
      if (drawn.partial) {
        await sleep(Math.max(40, 4 * (performance.now() - begin)));
      }
    }
    this._drawing = false;
  }

  private readonly _host = el('div', 'ja-markdown jp-RenderedHTMLCommon jp-RenderedMarkdown');
  private _wanted: ITextStep;
  private _drawing = false;
}

function redrawn(first: Step, draw: (step: Step) => HTMLElement | null): IStepView {
  const node = el('li', 'ja-step');
  const update = (step: Step): void => {
    const drawn = draw(step);
    node.replaceChildren(...(drawn ? [drawn] : []));
    node.hidden = !drawn;
  };
  update(first);
  return { node, update };
}

/** A sign of life while the model thinks; its thoughts are not ours to show, so nothing stays. */
function thinking(step: IThinkingStep, words: Words): HTMLElement | null {
  return step.partial ? line('ja-thinking', 'thinking', words.__('Thinking…')) : null;
}

function steer(step: ISteerStep, words: Words): HTMLElement {
  return el(
    'div',
    'ja-steer',
    el('span', 'ja-label', words.__('You')),
    el('div', 'ja-steer-text', visible(capped(step.text).shown))
  );
}

function notice(step: INoticeStep): HTMLElement {
  const words = visible(capped(step.text, 4000).shown);
  return line(`ja-notice ja-${step.level}`, step.level, words);
}

function line(className: string, glyph: Glyph, words: string): HTMLElement {
  return el('div', className, icon(glyph), el('span', '', words));
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, milliseconds));
}
