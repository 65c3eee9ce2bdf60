/** The plugin: what the outputs need from the application around them. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';

import { announceNotebooks } from './announce';
import { openWith } from './opener';

const plugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-agents:plugin',
  description: 'Opens the files of agent runs, and tells the server which notebooks are open.',
  autoStart: true,
  activate: (app: JupyterFrontEnd) => {
    openWith(app.commands);
    announceNotebooks(app);
  },
  deactivate: () => openWith(null)
};

export default plugin;
