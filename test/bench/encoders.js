/** What makes text of an event, by the name of the subject. Each is `(event) => string`. */
export const encoders = {
  /** What most would write. Text with line breaks does not survive it. */
  async naive() {
    return ({ id, type, data }) =>
      `id: ${id}\nevent: ${type}\ndata: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;
  },

  async ours({ library }) {
    const { encodeEvent } = await import(library);
    return (event) => encodeEvent(event);
  },

  /** Nest has it in the middle of a stream, which is made to hand it over. */
  async nest() {
    await import('reflect-metadata');
    const { SseStream } = await import(new URL('router/sse-stream.js', import.meta.resolve('@nestjs/core')).href);
    let text;
    const stream = { commitHeaders() {}, push: (made) => void (text = made) };
    return (event) => {
      SseStream.prototype._transform.call(stream, event, undefined, () => undefined);
      return text;
    };
  },

  async 'better-sse'() {
    const { createEventBuffer } = await import('better-sse');
    // By default it makes JSON of a string too, which is another text.
    const buffer = createEventBuffer({
      serializer: (data) => (typeof data === 'string' ? data : JSON.stringify(data)),
    });
    return ({ id, type, data }) => {
      const text = buffer.push(data, type, id).read();
      buffer.clear();
      return text;
    };
  },
};
