/** The steps of a turn in the order of their first event, each replaced in its place. */

import type { IToolStep, Step } from './model';

export class StepList {
  put(step: Step): void {
    this._steps.set(step.id, step);
  }

  get(id: string): Step | null {
    return this._steps.get(id) ?? null;
  }

  tool(id: string): IToolStep | null {
    const step = this.get(id);
    return step?.kind === 'tool' ? step : null;
  }

  remove(id: string): void {
    this._steps.delete(id);
  }

  last(): Step | null {
    return this.all().at(-1) ?? null;
  }

  all(): Step[] {
    return [...this._steps.values()];
  }

  // A map keeps the place of a key that is set again.
  private readonly _steps = new Map<string, Step>();
}
