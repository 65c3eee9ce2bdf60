/**
 * What the server says of a session's calls: which wait for a yes or a no, and who answered the others.
 *
 * A saved notebook may claim anything; nothing here is taken from one but a well-formed session id.
 */

import type { ITranscript } from './model';
import { bag, list, text, textOrNull } from './wire';
import type { Bag } from './wire';

export interface IWaitingCall {
  readonly id: string;
  readonly name: string;
  readonly server: string | null;
  readonly input: Bag;
}

export interface IAnswer {
  readonly allowed: boolean;
  readonly reason: string;
  readonly by: string;
  /** Milliseconds, NaN where it is not known. */
  readonly at: number;
  /** What ran in the place of the agent's input, or null. */
  readonly input: Bag | null;
}

export interface IApprovals {
  /** Whether the session belongs to the notebook that asks. */
  readonly tied: boolean;
  /** The session's own notebook, below the server's root. */
  readonly notebook: string | null;
  readonly waiting: ReadonlyMap<string, IWaitingCall>;
  readonly answers: ReadonlyMap<string, IAnswer>;
}

export function readApprovals(body: unknown): IApprovals {
  const source = bag(body);
  return {
    tied: source.tied === true,
    notebook: textOrNull(source.notebook),
    waiting: new Map(list(source.waiting).map(call => entry(readCall(bag(call))))),
    answers: new Map(list(source.answered).map(one => [text(bag(one).call_id), answer(bag(one))]))
  };
}

function entry(call: IWaitingCall): [string, IWaitingCall] {
  return [call.id, call];
}

function readCall(source: Bag): IWaitingCall {
  return {
    id: text(source.id),
    name: text(source.name),
    server: textOrNull(source.server),
    input: bag(source.input)
  };
}

function answer(source: Bag): IAnswer {
  return {
    allowed: source.result === 'allow',
    reason: text(source.reason),
    by: text(source.by),
    at: Date.parse(text(source.at)),
    input: source.input ? bag(source.input) : null
  };
}

/** How the page reaches the server; `Api` is one. */
export interface ICounter {
  approvals(sessionId: string, notebook: string): Promise<IApprovals>;
  confirm(
    sessionId: string,
    callId: string,
    result: 'allow' | 'deny',
    reason: string
  ): Promise<void>;
  allowAlways(sessionId: string, call: IWaitingCall): Promise<void>;
  allowWithInput(sessionId: string, callId: string, input: Bag): Promise<void>;
}

/** Milliseconds until a server that could not be reached is asked again. */
const PAUSE = 5_000;

/** What a card can say of its call. */
export type Standing =
  | { readonly kind: 'open'; readonly call: IWaitingCall }
  | { readonly kind: 'elsewhere'; readonly notebook: string | null }
  | { readonly kind: 'answered'; readonly answer: IAnswer };

/** The answers of one session, asked for again whenever the calls that wait have changed. */
export class Desk {
  constructor(
    private readonly _counter: ICounter,
    private readonly _sessionId: string,
    private readonly _notebook: string,
    /** Called when the server has said more; false where nobody wants to know any longer. */
    private readonly _changed: () => boolean
  ) {}

  /** Whether the server said that a call of this session waits for this notebook. */
  get open(): boolean {
    return this._known !== null && this._known.tied && this._known.waiting.size > 0;
  }

  /**
   * Looks at a transcript: a call that waits, or waits no more, is a reason to ask the server; and so is
   * the first sight of a turn that is followed, whose calls may have been answered before.
   */
  see(transcript: ITranscript, live: boolean): void {
    const waiting = transcript.steps
      .filter(step => step.kind === 'tool' && step.status === 'waiting')
      .map(step => step.id)
      .join(' ');
    if (waiting !== (this._seen ?? (live ? null : ''))) {
      this._seen = waiting;
      void this.refresh();
    }
  }

  about(callId: string): Standing | null {
    const answered = this._known?.answers.get(callId);
    if (answered) {
      return { kind: 'answered', answer: answered };
    }
    const call = this._known?.waiting.get(callId);
    if (!this._known || !call) {
      return null;
    }
    return this._known.tied
      ? { kind: 'open', call }
      : { kind: 'elsewhere', notebook: this._known.notebook };
  }

  async approve(call: IWaitingCall): Promise<void> {
    await this._counter.confirm(this._sessionId, call.id, 'allow', '');
    await this.refresh();
  }

  async deny(call: IWaitingCall, reason: string): Promise<void> {
    await this._counter.confirm(this._sessionId, call.id, 'deny', reason);
    await this.refresh();
  }

  /** The rule first: where it cannot be made, the call goes on waiting. */
  async always(call: IWaitingCall): Promise<void> {
    await this._counter.allowAlways(this._sessionId, call);
    await this.approve(call);
  }

  async approveWith(call: IWaitingCall, input: Bag): Promise<void> {
    await this._counter.allowWithInput(this._sessionId, call.id, input);
    await this.refresh();
  }

  /** Asks the server; what is under way is followed by one more question, however many want it. */
  async refresh(): Promise<void> {
    this._again = true;
    this._asking ??= this._ask().finally(() => {
      this._asking = null;
    });
    await this._asking;
  }

  private async _ask(): Promise<void> {
    while (this._again) {
      this._again = false;
      let failed = false;
      try {
        this._known = await this._counter.approvals(this._sessionId, this._notebook);
      } catch (error) {
        const status = (error as { status?: unknown } | null)?.status;
        failed = !(typeof status === 'number' && status < 500);
        this._known = failed ? this._known : null;
      }
      if (this._changed() && failed) {
        setTimeout(() => void this.refresh(), PAUSE);
      }
    }
  }

  private _known: IApprovals | null = null;
  private _seen: string | null = null;
  private _again = false;
  private _asking: Promise<void> | null = null;
}
