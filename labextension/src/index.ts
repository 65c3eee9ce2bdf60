/** The plugin: what the outputs need from the application around them. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';

import { openWith } from './opener';

const plugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-agents:plugin',
  description: 'Opens the files of agent runs in the application.',
  autoStart: true,
  activate: (app: JupyterFrontEnd) => openWith(app.commands),
  deactivate: () => openWith(null)
};

export default plugin;
