/** The calls among a turn's steps: how each begins, is answered and ends. */

import type { StepList } from './steplist';
import type { Bag } from './wire';
import { bag, blocks, plain, seconds, text } from './wire';

const INTERRUPTED = 'Tool execution was interrupted before completion';

export class Calls {
  constructor(private readonly _steps: StepList) {}

  open(type: string, id: string, at: number | null, event: Bag): void {
    const waits = type === 'agent.custom_tool_use' || event.evaluated_permission === 'ask';
    const denied = event.evaluated_permission === 'deny';
    this._begun.set(id, at);
    this._steps.put({
      kind: 'tool',
      id,
      name: text(event.name),
      server: type === 'agent.mcp_tool_use' ? text(event.mcp_server_name) : null,
      input: bag(event.input),
      status: waits ? 'waiting' : denied ? 'denied' : 'running',
      output: [],
      seconds: null
    });
  }

  confirm(id: string, at: number | null, event: Bag): void {
    const step = this._steps.tool(text(event.tool_use_id));
    if (!step) {
      return;
    }
    if (event.result === 'allow') {
      this._begun.set(step.id, at);
      this._steps.put({ ...step, status: 'running' });
      return;
    }
    this._steps.put({ ...step, status: 'denied' });
    const reason = text(event.deny_message);
    this._steps.put({
      kind: 'notice',
      id,
      level: 'info',
      text: `Denied: ${step.name}` + (reason ? `. ${reason}` : '')
    });
  }

  close(id: string, at: number | null, event: Bag): void {
    const step = this._steps.tool(id);
    if (!step) {
      return;
    }
    const denied = step.status === 'denied';
    const failed = event.is_error === true;
    const stopped = failed && plain(event.content).startsWith(INTERRUPTED);
    const ended = stopped ? 'interrupted' : failed ? 'error' : 'ok';
    const unbegun = denied || (stopped && step.status === 'waiting');
    this._steps.put({
      ...step,
      status: denied ? 'denied' : ended,
      output: blocks(event.content),
      seconds: unbegun ? null : seconds(this._begun.get(id) ?? null, at)
    });
  }

  /** The turn waits for these calls. */
  wait(ids: readonly string[]): void {
    for (const id of ids) {
      const step = this._steps.tool(id);
      if (step?.status === 'running') {
        this._steps.put({ ...step, status: 'waiting' });
      }
    }
  }

  /** The turn is over: what goes on is cut. */
  cut(): void {
    for (const step of this._steps.all()) {
      if (step.kind === 'tool' && (step.status === 'running' || step.status === 'waiting')) {
        this._steps.put({ ...step, status: 'interrupted' });
      }
    }
  }

  /** What an interrupt stopped, in words. */
  stopped(): string {
    for (const step of this._steps.all()) {
      if (step.kind !== 'tool') {
        continue;
      }
      const interrupted = step.status === 'interrupted';
      if (step.status === 'waiting' || (interrupted && step.seconds === null)) {
        return `Stopped while ${step.name} waited for an answer.`;
      }
      if (step.status === 'running' || interrupted) {
        return `Stopped while running ${step.name}.`;
      }
    }
    return 'Stopped while the model was at work.';
  }

  private readonly _begun = new Map<string, number | null>();
}
