export interface Usage {
  command: string;
  rest: string;
}

/** The lines of a reply that lists commands ("/ban USER [reason] · /unban USER · …"); null for any other reply. */
export function usageLines(reply: string): Usage[] | null {
  const parts = reply.split(' · ');
  if (parts.length < 3 || !parts.every((part) => part.startsWith('/'))) return null;
  return parts.map((part) => {
    const [command = '', ...rest] = part.split(' ');
    return { command, rest: rest.join(' ') };
  });
}
