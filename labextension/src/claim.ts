/** Which of the pages of one browser does a thing that only one should do. */

const held = new Map<string, { users: number; readonly release: () => void }>();

/**
 * Whether this page is the one for `name`: the first that asked, until it has released it as often.
 * Where the browser keeps no locks (they need https or this machine), every page is.
 */
export async function claim(name: string): Promise<boolean> {
  const known = held.get(name);
  if (known) {
    known.users += 1;
    return true;
  }
  const locks = (navigator as { locks?: LockManager }).locks;
  if (!locks) {
    held.set(name, { users: 1, release: () => undefined });
    return true;
  }
  return new Promise(resolve => {
    const hold = (lock: unknown): Promise<void> | undefined => {
      if (!lock) {
        resolve(false);
        return undefined;
      }
      return new Promise<void>(release => {
        held.set(name, { users: 1, release });
        resolve(true);
      });
    };
    locks
      .request(`jupyter-agents:${name}`, { ifAvailable: true }, hold)
      .catch(() => resolve(false));
  });
}

export function release(name: string): void {
  const known = held.get(name);
  if (known && --known.users === 0) {
    held.delete(name);
    known.release();
  }
}
