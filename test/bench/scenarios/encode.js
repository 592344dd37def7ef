/** Encoders alone: no server, no socket. */
export const encode = {
  name: 'encode',
  title: 'An event encoded to text',
  subjects: ['naive', 'ours', 'nest', 'better-sse'],
  metrics: {
    short: 'ns per event, short text (120 bytes)',
    json: 'ns, JSON (120 bytes)',
    long: 'ns, long text (10 KB)',
    lines: 'ns, 20 lines of 60 characters',
  },

  async measure({ startProcess, quick }) {
    const encoder = startProcess('encode-process.js');
    return encoder.call('measure', { quick });
  },
};
