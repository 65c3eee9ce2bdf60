/** A call's input as a text to edit, and back. */

import type { IWaitingCall } from './approvals';
import { text } from './wire';
import type { Bag } from './wire';

/** A lone shell command is edited as it is, anything else as JSON. */
export function editable(call: IWaitingCall): { readonly text: string; readonly json: boolean } {
  return isCommand(call)
    ? { text: text(call.input.command), json: false }
    : { text: JSON.stringify(call.input, null, 2), json: true };
}

/** The input that an edited text stands for, or null where it is none. */
export function edited(call: IWaitingCall, changed: string): Bag | null {
  if (isCommand(call)) {
    return { command: changed };
  }
  try {
    const value: unknown = JSON.parse(changed);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Bag) : null;
  } catch {
    return null;
  }
}

function isCommand(call: IWaitingCall): boolean {
  const { name, server, input } = call;
  return (
    server === null &&
    name === 'bash' &&
    typeof input.command === 'string' &&
    Object.keys(input).length === 1
  );
}
