import 'reflect-metadata';
import { jest } from '@jest/globals';
import { Role, TaskState, type AgentCard, type StreamResponse } from '@a2a-js/sdk';
import { ClientFactory, type Client } from '@a2a-js/sdk/client';
import { Logger } from '@nestjs/common';
import { cutsOf, describeNodes, isBeginning, TEXT, WORDS } from './apps/answering-nodes.js';

/** A task, as a client of the protocol keeps it. */
class KnownTask {
  id: string | undefined;
  state: TaskState | undefined;
  text = '';
  /** What was received for it. */
  events = 0;

  take({ payload }: StreamResponse): void {
    this.events++;
    switch (payload?.$case) {
      case 'task':
        // All that is known of it, in place of what was.
        this.id = payload.value.id;
        this.state = payload.value.status?.state;
        this.text = '';
        return;
      case 'artifactUpdate': {
        const { append, artifact } = payload.value;
        const text = artifact!.parts.map(({ content }) => (content?.$case === 'text' ? content.value : '')).join('');
        this.text = append ? this.text + text : text;
        return;
      }
      case 'statusUpdate':
        this.state = payload.value.status?.state;
        return;
      default:
        throw new Error(`what is ${payload?.$case}?`);
    }
  }

  /** Reads on. @returns why not to the end */
  async read(stream: AsyncIterable<StreamResponse>, onEvent?: () => unknown): Promise<unknown> {
    try {
      for await (const event of stream) {
        this.take(event);
        onEvent?.();
      }
    } catch (error) {
      return error;
    }
    return undefined;
  }
}

// The code of docs/LLM.md.
describeNodes('the client of @a2a-js/sdk', ['class TasksController', 'TasksController'], (nodes) => {
  let client: Client;
  const { TASK_STATE_WORKING, TASK_STATE_COMPLETED, TASK_STATE_FAILED } = TaskState;
  const send = () =>
    client.sendMessageStream({
      tenant: '',
      configuration: undefined,
      metadata: undefined,
      message: {
        messageId: 'm',
        contextId: '',
        taskId: '',
        role: Role.ROLE_USER,
        parts: [{ content: { $case: 'text', value: 'Hi' }, metadata: undefined, filename: '', mediaType: '' }],
        metadata: undefined,
        extensions: [],
        referenceTaskIds: [],
      },
    });
  const resubscribe = (id: string | undefined) => client.resubscribeTask({ id: id!, tenant: '' });

  beforeAll(async () => {
    const url = `${nodes().url}/a2a`;
    const card = {
      name: 'Answers',
      description: 'Says what it says',
      version: '1',
      capabilities: { streaming: true },
      supportedInterfaces: [{ url, protocolBinding: 'JSONRPC', protocolVersion: '1.0', tenant: '' }],
      defaultInputModes: [],
      defaultOutputModes: [],
      skills: [],
    };
    client = await new ClientFactory().createFromAgentCard(card as unknown as AgentCard);
  });
  beforeEach(() => void jest.spyOn(Logger.prototype, 'error').mockReturnValue());

  it('reads a task to its end', async () => {
    const task = new KnownTask();
    expect(await task.read(send())).toBe(undefined);
    expect(task).toMatchObject({ text: TEXT, state: TASK_STATE_COMPLETED, events: WORDS.length + 2 });
  });

  it('subscribes again, and has the whole, and nothing twice, wherever it was cut', async () => {
    let resumed = 0;
    for (const { events, bytes } of cutsOf(WORDS.length + 2)) {
      nodes().front.cutNext(events, bytes);
      const task = new KnownTask();
      expect(await task.read(send())).toMatchObject({ message: 'terminated' });
      expect(task.events).toBeLessThanOrEqual(events);
      expect([events, bytes, task.text, isBeginning(task.text, events - 1)]).toEqual([events, bytes, task.text, true]);
      // Without the first event it has no task to ask for.
      if (!task.id) continue;
      resumed++;
      expect(await task.read(resubscribe(task.id))).toBe(undefined);
      expect([events, bytes, task.text, task.state]).toEqual([events, bytes, TEXT, TASK_STATE_COMPLETED]);
    }
    expect(resumed).toBeGreaterThan(0);
  });

  it('follows with another one, and both see it live', async () => {
    const { model } = nodes();
    model.hold();
    model.say(2);
    const [task, other] = [new KnownTask(), new KnownTask()];
    let reading: Promise<unknown> | undefined;
    await task.read(send(), () => {
      // Each envelope has the id of its own request, and the SDK refuses any other.
      if (task.events === 3) reading = other.read(resubscribe(task.id), () => other.events >= 3 && model.say());
    });
    await reading;
    expect([task.text, other.text]).toEqual([TEXT, TEXT]);
  });

  it('cancels a task: its reader sees the end, and the model stops', async () => {
    const { model } = nodes();
    model.hold();
    model.say(2);
    const task = new KnownTask();
    let canceled: Promise<unknown> | undefined;
    const end = await task.read(send(), () => {
      if (task.events === 3)
        canceled = client
          .cancelTask({ id: task.id!, tenant: '', metadata: undefined })
          .then(({ status }) => status?.state);
    });
    expect(await canceled).toBe(TaskState.TASK_STATE_CANCELED);
    await model.facts.until('released');
    expect([end, task.text, task.state]).toEqual([undefined, WORDS.slice(0, 2).join(''), TASK_STATE_WORKING]);
  });

  it('hears of a failure, also when it subscribes after it', async () => {
    const { model } = nodes();
    model.hold();
    model.say(2);
    const [task, late] = [new KnownTask(), new KnownTask()];
    await task.read(send(), () => task.events === 3 && model.fail(new Error('a secret')));
    await late.read(resubscribe(task.id));
    for (const { text, state } of [task, late]) {
      expect([text, state]).toEqual([WORDS.slice(0, 2).join(''), TASK_STATE_FAILED]);
    }
  });

  it('is told of a task that there is not', async () => {
    expect(await new KnownTask().read(resubscribe('none'))).toMatchObject({ message: 'There is no such task' });
  });
});
