/** Opening the server's files: JupyterLab's way where our plugin is active, the browser's otherwise. */

import { PageConfig, URLExt } from '@jupyterlab/coreutils';

import type { IOpener } from './footer';

const OPEN = 'docmanager:open';

/** The part of a command registry that opening needs. */
export interface ICommands {
  hasCommand(id: string): boolean;
  execute(id: string, args: { path: string }): Promise<unknown>;
}

let commands: ICommands | null = null;

/** Called by the plugin: from now on files open in this application. */
export function openWith(registry: ICommands | null): void {
  commands = registry;
}

export const opener: IOpener = {
  address(path: string): string {
    return URLExt.join(PageConfig.getBaseUrl(), 'files', URLExt.encodeParts(path));
  },

  open(path: string): boolean {
    if (!commands?.hasCommand(OPEN)) {
      return false;
    }
    commands.execute(OPEN, { path }).catch((reason: unknown) => {
      console.warn('jupyter-agents: the file did not open.', reason);
    });
    return true;
  }
};
