/** The MIME extension: JupyterLab and Notebook draw our cell outputs with it, with or without a kernel or a server. */

import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { nullTranslator } from '@jupyterlab/translation';

import { MIME_TYPE } from './model';
import { RunRenderer } from './renderer';

const rendererFactory: IRenderMime.IRendererFactory = {
  // Untrusted notebooks included: nothing of an output is run, and every text is scrubbed.
  safe: true,
  mimeTypes: [MIME_TYPE],
  createRenderer: options => {
    const translator = options.translator ?? nullTranslator;
    return new RunRenderer(options, translator.load('jupyter_agents'));
  }
};

const extension: IRenderMime.IExtension = {
  id: 'jupyter-agents:run',
  description: 'Draws agent runs in cell outputs.',
  rendererFactory,
  // Before text/html, which the same output has for readers without this extension.
  rank: 0,
  dataType: 'json'
};

export default extension;
