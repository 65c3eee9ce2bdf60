/**
 * Events of one turn -> transcript; the twin of jupyter_agents/cell/fold.py.
 *
 * | event | effect |
 * |---|---|
 * | `user.message` | the prompt; each later one is a `steer` step |
 * | `event_start`, `event_delta` | a partial `text` or `thinking` step |
 * | `agent.message`, `agent.thinking` | the step itself, in the preview's place |
 * | `agent.tool_use`, `agent.mcp_tool_use`, `agent.custom_tool_use` | a `tool` step |
 * | `agent.tool_result`, `agent.mcp_tool_result`, `user.tool_result`, `user.custom_tool_result` | ends its tool step |
 * | `user.tool_confirmation` | lets the call run, or denies it with a `notice` |
 * | `user.interrupt` | a `notice` of what it stopped; an `end_turn` after it is `interrupted` |
 * | `session.error`, `agent.thread_context_compacted` | a `notice` |
 * | `span.model_request_start`, `_end` | running again; tokens, closes previews |
 * | `session.status_running`, `_rescheduled`, `_idle`, `_terminated`, `session.deleted` | the status, the turn's end |
 *
 * Everything else is passed over, and so are events that were seen, that are still queued, that come
 * before the turn's first `user.message`, or after its end.
 */

import { Calls } from './calls';
import type { ITokens, ITranscript, TurnStatus } from './model';
import { EMPTY_FOOTER } from './model';
import { Previews } from './previews';
import { StepList } from './steplist';
import type { Bag } from './wire';
import { bag, list, plain, seconds, text, time } from './wire';

/** An event of the wire; its fields are checked where they are read. */
export interface IEvent {
  readonly [key: string]: unknown;
}

const STOPPED: ReadonlyMap<string, TurnStatus> = new Map([
  ['retries_exhausted', 'failed'],
  ['refusal', 'refused'],
  ['budget_reached', 'budget_reached']
]);

const TOKEN_KEYS = [
  'input_tokens',
  'output_tokens',
  'cache_read_input_tokens',
  'cache_creation_input_tokens'
] as const;

const COMPACTED = 'Earlier context was summarised to make room.';

/** The fold with its memory; `transcript` is a fresh value after each event that changed it. */
export class Fold {
  /** The turn so far. */
  get transcript(): ITranscript {
    this._previews.draw();
    this._transcript ??= {
      status: this._status,
      prompt: this._prompt ?? '',
      steps: this._steps.all(),
      files: [],
      footer: { ...this._tokens, seconds: this._seconds() }
    };
    return this._transcript;
  }

  /** Whether the turn's first event was seen. */
  get begun(): boolean {
    return this._prompt !== null;
  }

  /** Whether the turn is over: nothing changes the transcript any more. */
  get ended(): boolean {
    return this._ended;
  }

  push(event: IEvent): void {
    const type = text(event.type);
    const id = text(event.id);
    if (this._ended || this._seen.has(id)) {
      return;
    }
    const at = time(event.processed_at);
    if (type.startsWith('user.') && at === null) {
      return;
    }
    if (id) {
      this._seen.add(id);
    }
    if (!this.begun && type !== 'user.message') {
      return;
    }
    this._transcript = null;
    if (at !== null) {
      this._first ??= at;
      this._last = at;
    }
    this._apply(type, id, at, event);
  }

  private _apply(type: string, id: string, at: number | null, event: IEvent): void {
    switch (type) {
      case 'user.message':
        if (this._prompt === null) {
          this._prompt = plain(event.content);
        } else {
          this._steps.put({ kind: 'steer', id, text: plain(event.content) });
        }
        break;
      case 'event_start':
        this._startPreview(bag(event.event));
        break;
      case 'event_delta':
        this._previews.extend(text(event.event_id), bag(event.delta));
        break;
      case 'agent.message':
        this._previews.drop(id);
        this._steps.put({
          kind: 'text',
          id,
          markdown: plain(event.content),
          partial: false
        });
        break;
      case 'agent.thinking':
        this._previews.drop(id);
        this._steps.put({ kind: 'thinking', id, partial: false });
        break;
      case 'agent.tool_use':
      case 'agent.mcp_tool_use':
      case 'agent.custom_tool_use':
        this._calls.open(type, id, at, event);
        break;
      case 'agent.tool_result':
      case 'user.tool_result':
        this._calls.close(text(event.tool_use_id), at, event);
        break;
      case 'agent.mcp_tool_result':
        this._calls.close(text(event.mcp_tool_use_id), at, event);
        break;
      case 'user.custom_tool_result':
        this._calls.close(text(event.custom_tool_use_id), at, event);
        break;
      case 'user.tool_confirmation':
        this._calls.confirm(id, at, event);
        break;
      case 'user.interrupt':
        this._interrupted = true;
        this._steps.put({ kind: 'notice', id, level: 'info', text: this._calls.stopped() });
        break;
      case 'session.error':
        this._putError(id, bag(event.error));
        break;
      case 'agent.thread_context_compacted':
        this._steps.put({ kind: 'notice', id, level: 'info', text: COMPACTED });
        break;
      case 'span.model_request_start':
      case 'session.status_running':
        this._status = 'running';
        break;
      case 'span.model_request_end':
        this._count(bag(event.model_usage));
        this._previews.close();
        break;
      case 'session.status_rescheduled':
        this._status = 'retrying';
        break;
      case 'session.status_idle':
        this._idle(bag(event.stop_reason));
        break;
      case 'session.status_terminated':
      case 'session.deleted':
        this._end('failed');
        break;
    }
  }

  private _startPreview(event: Bag): void {
    if (!this._seen.has(text(event.id))) {
      this._previews.start(event);
    }
  }

  private _putError(id: string, error: Bag): void {
    const retrying = bag(error.retry_status).type === 'retrying';
    const level = retrying ? 'warning' : 'error';
    const last = this._steps.last();
    const message = text(error.message);
    if (last?.kind !== 'notice' || last.level !== level || last.text !== message) {
      this._steps.put({ kind: 'notice', id, level, text: message });
    }
  }

  private _count(usage: Bag): void {
    const tokens = { ...this._tokens };
    for (const key of TOKEN_KEYS) {
      const value = usage[key];
      tokens[key] += typeof value === 'number' ? value : 0;
    }
    this._tokens = tokens;
  }

  private _idle(reason: Bag): void {
    const type = text(reason.type);
    if (type !== 'requires_action') {
      const normal = this._interrupted ? 'interrupted' : 'done';
      this._end(STOPPED.get(type) ?? normal);
      return;
    }
    this._status = 'waiting';
    this._calls.wait(list(reason.event_ids).map(text));
  }

  private _end(status: TurnStatus): void {
    this._previews.close();
    this._calls.cut();
    this._status = status;
    this._ended = true;
  }

  private _seconds(): number {
    return seconds(this._first, this._last) ?? 0;
  }

  private readonly _steps = new StepList();
  private readonly _previews = new Previews(this._steps);
  private readonly _calls = new Calls(this._steps);
  private readonly _seen = new Set<string>();
  private _transcript: ITranscript | null = null;
  private _status: TurnStatus = 'running';
  private _prompt: string | null = null;
  private _tokens: ITokens = EMPTY_FOOTER;
  private _first: number | null = null;
  private _last: number | null = null;
  private _interrupted = false;
  private _ended = false;
}

/** The transcript of one turn's events. */
export function fold(events: Iterable<IEvent>): ITranscript {
  const state = new Fold();
  for (const event of events) {
    state.push(event);
  }
  return state.transcript;
}
