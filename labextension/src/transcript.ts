/** A transcript in the page: built once, updated in place, never more than a page of steps at a time. */

import type { IAnswering } from './approval';
import type { Desk } from './approvals';
import { el, icon } from './dom';
import type { IOpener } from './footer';
import { filesOf, footerOf } from './footer';
import type { IToolStep, ITranscript, Step, TurnStatus } from './model';
import { EMPTY_TRANSCRIPT, goesOn } from './model';
import { summary, visible } from './plaintext';
import type { Rewind } from './rewind';
import type { DrawMarkdown, IStepView } from './steps';
import { stepView } from './steps';
import type { Words } from './words';
import { turnWord } from './words';

export const PAGE = 50;

export interface IViewOptions {
  readonly words: Words;
  readonly drawMarkdown: DrawMarkdown;
  readonly opener: IOpener;
  /** Where the calls of the present run are answered; null where they cannot be. */
  readonly desk?: () => Desk | null;
  /** What can be done about the present run once it is over; null where nothing can. */
  readonly rewind?: () => Rewind | null;
}

/** What stands beside the transcript itself. */
export interface IExtras {
  /** Steps that the bundle had and that were left out. */
  readonly omitted: number;
  /** The turn goes on, but nobody tells this page about it. */
  readonly unfollowed: boolean;
}

interface IEntry {
  step: Step;
  readonly view: IStepView;
}

export class TranscriptView {
  readonly node: HTMLElement;

  constructor(private readonly _options: IViewOptions) {
    const { words } = _options;
    this._earlier.type = 'button';
    this._earlier.addEventListener('click', () => {
      this._limit += PAGE;
      this.draw(this._transcript, this._extras);
    });
    this._steps.setAttribute('role', 'list');
    this._steps.setAttribute('aria-label', words.__('Steps of the agent'));
    this._spoken.setAttribute('role', 'status');
    this._spoken.setAttribute('aria-live', 'polite');
    this.node = el('section', 'ja-run', this._earlier, this._steps, this._tail, this._spoken);
    this.node.setAttribute('aria-label', words.__('Agent run'));
  }

  /** Draws `transcript` in the place of what was drawn before. */
  draw(transcript: ITranscript, extras: IExtras): void {
    this._transcript = transcript;
    this._extras = extras;
    const first = Math.max(0, transcript.steps.length - this._limit);
    this._drawEarlier(first, extras.omitted);
    this._drawSteps(transcript.steps.slice(first));
    this._drawTail(transcript, extras);
    this._speak(transcript);
    this.node.dataset.status = transcript.status;
    this.node.setAttribute('aria-busy', String(transcript.status === 'running'));
  }

  private _drawEarlier(hidden: number, omitted: number): void {
    const { words } = this._options;
    this._earlier.hidden = hidden + omitted === 0;
    this._earlier.disabled = hidden === 0;
    this._earlier.textContent = hidden
      ? words._n('Show %1 earlier step', 'Show %1 earlier steps', Math.min(PAGE, hidden)) +
        (hidden > PAGE ? ' ' + words.__('of %1', hidden) : '')
      : words._n('%1 earlier step is not shown', '%1 earlier steps are not shown', omitted);
  }

  private _drawSteps(steps: readonly Step[]): void {
    const wanted = new Set<string>();
    let after: Element | null = null;
    for (const step of steps) {
      const key = `${step.kind}:${step.id}`;
      if (wanted.has(key)) {
        continue;
      }
      wanted.add(key);
      const node = this._entry(key, step).view.node;
      const place: Element | null = after
        ? after.nextElementSibling
        : this._steps.firstElementChild;
      if (place !== node) {
        this._steps.insertBefore(node, place);
      }
      after = node;
    }
    for (const [key, entry] of this._entries) {
      if (!wanted.has(key)) {
        entry.view.node.remove();
        this._entries.delete(key);
      }
    }
  }

  private _entry(key: string, step: Step): IEntry {
    const { drawMarkdown, words, opener } = this._options;
    const known = this._entries.get(key);
    if (!known) {
      const answering = (): IAnswering | null => {
        const desk = this._options.desk?.() ?? null;
        return desk && { desk, opener };
      };
      const entry = { step, view: stepView(step, drawMarkdown, words, answering) };
      this._entries.set(key, entry);
      return entry;
    }
    if (!same(known.step, step)) {
      known.view.update(step);
    } else {
      known.view.refresh?.();
    }
    known.step = step;
    return known;
  }

  private _drawTail(transcript: ITranscript, extras: IExtras): void {
    const { words, opener } = this._options;
    const parts: (HTMLElement | null)[] = transcript.steps
      .slice(-PAGE)
      .filter((step): step is IToolStep => step.kind === 'tool' && step.status === 'waiting')
      .filter(step => !this._options.desk?.()?.about(step.id))
      .map(step => waiting(step, words));
    if (extras.unfollowed) {
      const left = words.__('Saved before its end; nothing newer can be had from here.');
      parts.push(el('div', 'ja-notice ja-info', icon('info'), el('span', '', left)));
    }
    const known = transcript.files === this._files;
    if (!known) {
      this._files = transcript.files;
      this._fileNode = filesOf(transcript.files, opener, words);
    }
    const rewind = goesOn(transcript.status) ? null : this._options.rewind?.();
    parts.push(this._fileNode, footerOf(transcript, words), rewind?.node ?? null);
    place(
      this._tail,
      parts.filter(part => part !== null)
    );
  }

  /** Tells a screen reader what is new: whole messages and changes of status, not every word. */
  private _speak(transcript: ITranscript): void {
    const status = transcript.status;
    const last = transcript.steps.at(-1);
    const live = this._spokenStatus !== null && goesOn(this._spokenStatus);
    if (live && last?.kind === 'text' && !last.partial && last.id !== this._spokenId) {
      this._spokenId = last.id;
      this._spoken.textContent = last.markdown.slice(0, 1000);
    }
    if (live && status !== this._spokenStatus) {
      this._spoken.append(' ', turnWord(status, this._options.words));
    }
    this._spokenStatus = status;
  }

  private readonly _earlier = el('button', 'ja-earlier');
  private readonly _steps = el('ol', 'ja-steps');
  private readonly _tail = el('div', 'ja-tail');
  private readonly _spoken = el('div', 'ja-spoken');
  private readonly _entries = new Map<string, IEntry>();
  private _transcript = EMPTY_TRANSCRIPT;
  private _extras: IExtras = { omitted: 0, unfollowed: false };
  private _files: ITranscript['files'] = [];
  private _fileNode: HTMLElement | null = null;
  private _limit = PAGE;
  private _spokenId = '';
  private _spokenStatus: TurnStatus | null = null;
}

/** Makes `nodes` the children of `host`; one that stays is not touched, so that it keeps focus and scroll. */
function place(host: HTMLElement, nodes: readonly HTMLElement[]): void {
  const staying = new Set<Node>(nodes);
  for (const child of Array.from(host.childNodes)) {
    if (!staying.has(child)) {
      child.remove();
    }
  }
  nodes.forEach((node, at) => {
    if (host.children[at] !== node) {
      host.insertBefore(node, host.children[at] ?? null);
    }
  });
}

function waiting(step: IToolStep, words: Words): HTMLElement {
  const name = visible(step.name.slice(0, 120));
  return el(
    'div',
    'ja-waiting',
    icon('waiting'),
    el(
      'span',
      '',
      words.__('%1 needs your answer before the agent goes on:', name),
      ' ',
      el('code', 'ja-line', summary(step))
    )
  );
}

/** Whether two steps of one id and kind look the same. */
function same(a: Step, b: Step): boolean {
  if (a === b) {
    return true;
  }
  switch (a.kind) {
    case 'text':
      return b.kind === 'text' && a.markdown === b.markdown && a.partial === b.partial;
    case 'thinking':
      return b.kind === 'thinking' && a.partial === b.partial;
    case 'steer':
      return b.kind === 'steer' && a.text === b.text;
    case 'notice':
      return b.kind === 'notice' && a.text === b.text && a.level === b.level;
    case 'tool':
      return (
        b.kind === 'tool' &&
        a.status === b.status &&
        a.seconds === b.seconds &&
        a.output.length === b.output.length &&
        a.place === b.place &&
        a.shown?.length === b.shown?.length
      );
  }
}
