// The quickstart with the TypeScript SDK: `node quickstart.mjs <base url> <token>` prints what the session
// said and did, one JSON line per event, and at the end the names of its files.
import Anthropic, { toFile } from '@anthropic-ai/sdk';

const [baseURL, authToken] = process.argv.slice(2);
const client = new Anthropic({ baseURL, authToken, maxRetries: 0 });
const show = value => console.log(JSON.stringify(value));

const agent = await client.beta.agents.create({
  name: 'Coding Assistant',
  model: 'claude-opus-4-7',
  system: 'You are a helpful coding assistant.',
  tools: [{ type: 'agent_toolset_20260401' }]
});
const environment = await client.beta.environments.create({
  name: `quickstart-env-${Date.now()}`,
  config: { type: 'cloud', networking: { type: 'unrestricted' } }
});
const upload = await client.beta.files.upload({
  file: await toFile(Buffer.from('7\n'), 'seed.txt')
});
const session = await client.beta.sessions.create({
  agent: agent.id,
  environment_id: environment.id,
  title: 'Quickstart session',
  resources: [{ type: 'file', file_id: upload.id, mount_path: '/workspace/seed.txt' }]
});

const stream = await client.beta.sessions.events.stream(session.id, {
  event_deltas: ['agent.message']
});
const sent = await client.beta.sessions.events.send(session.id, {
  events: [{ type: 'user.message', content: [{ type: 'text', text: 'Write the numbers.' }] }]
});
show({ sent: sent.data.map(event => event.type) });
for await (const event of stream) {
  show(event);
  if (event.type === 'session.status_idle') {
    break;
  }
}

const listed = [];
for await (const event of client.beta.sessions.events.list(session.id, { limit: 5 })) {
  listed.push(event.type);
}
show({ listed });
const files = await client.beta.files.list({ scope_id: session.id });
const made = files.data.find(file => file.downloadable);
const content = await (await client.beta.files.download(made.id)).text();
show({ file: made.filename, content });
try {
  await client.beta.sessions.retrieve('sesn_none');
} catch (error) {
  show({
    refused: error.status,
    type: error.error.error.type,
    named: error instanceof Anthropic.NotFoundError
  });
}
