/** Messages that are still being written: `event_start` and `event_delta` as partial steps. */

import type { StepList } from './steplist';
import type { Bag } from './wire';
import { bag, joined, text } from './wire';

export class Previews {
  constructor(private readonly _steps: StepList) {}

  start(event: Bag): void {
    const id = text(event.id);
    if (!id || this._parts.has(id)) {
      return;
    }
    if (event.type === 'agent.message') {
      this._parts.set(id, []);
      this._steps.put({ kind: 'text', id, markdown: '', partial: true });
    } else if (event.type === 'agent.thinking') {
      this._parts.set(id, []);
      this._steps.put({ kind: 'thinking', id, partial: true });
    }
  }

  extend(id: string, delta: Bag): void {
    const parts = this._parts.get(id);
    const index = typeof delta.index === 'number' ? delta.index : 0;
    if (parts?.[index] === undefined && parts?.length !== index) {
      return;
    }
    parts[index] = (parts[index] ?? '') + text(bag(delta.content).text);
    this._grown.add(id);
  }

  /** The final event of `id` is there: its preview is no more. */
  drop(id: string): void {
    this._parts.delete(id);
    this._grown.delete(id);
  }

  /** Brings the steps up to the deltas; many deltas cost one joining. */
  draw(): void {
    for (const id of this._grown) {
      const markdown = joined(this._parts.get(id) ?? []);
      this._steps.put({ kind: 'text', id, markdown, partial: true });
    }
    this._grown.clear();
  }

  /** The request is over: what was seen stays, what never showed a word goes. */
  close(): void {
    this.draw();
    for (const id of this._parts.keys()) {
      const step = this._steps.get(id);
      if (step?.kind === 'text' && !step.markdown) {
        this._steps.remove(id);
      } else if (step?.kind === 'text' || step?.kind === 'thinking') {
        this._steps.put({ ...step, partial: false });
      }
    }
    this._parts.clear();
  }

  private readonly _parts = new Map<string, string[]>();
  private readonly _grown = new Set<string>();
}
