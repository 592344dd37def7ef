import { HttpAgent } from '@ag-ui/client';

/** An agent that runs the same run several times: how each run ended, and what the agent has said then. */
window.ask = async (runId, times) => {
  const agent = new HttpAgent({ url: '/agent', threadId: 'thread' });
  agent.addMessage({ id: 'question', role: 'user', content: 'Hi' });
  const outcome = { failures: [], answers: [] };
  for (let time = 0; time < times; time++) {
    let failure = null;
    // What the server says of a failure is an event. A lost connection is an error.
    const onRunErrorEvent = ({ event }) => void (failure = event.message);
    await agent.runAgent({ runId }, { onRunErrorEvent }).catch((error) => (failure ??= error.message));
    outcome.failures.push(failure);
    outcome.answers.push(agent.messages.slice(1).map(({ content }) => content));
  }
  return outcome;
};
