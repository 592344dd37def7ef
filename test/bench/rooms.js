/** How many channels there are. */
export const CHANNELS = 3;

/** The channels that a path asks for: `/live` the first one, `/three` all of them. */
export function channelsOf(path) {
  return path.startsWith('/three') ? Array.from({ length: CHANNELS }, (_, channel) => channel) : [0];
}

/** Who is in which channel: the bookkeeping that a bare handler needs. */
export class Rooms {
  members = Array.from({ length: CHANNELS }, () => new Set());

  join(path, res, member = res) {
    const rooms = channelsOf(path).map((channel) => this.members[channel]);
    for (const room of rooms) room.add(member);
    res.on('close', () => {
      for (const room of rooms) room.delete(member);
    });
  }
}
