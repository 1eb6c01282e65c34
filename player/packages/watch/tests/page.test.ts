import { describe, expect, it } from 'vitest';
import { calendarFile } from '../src/calendar';
import { embedCode } from '../src/dialogs/embedCode';

describe('a calendar file', () => {
  const file = (title: string) => calendarFile({ starts_at: '2026-12-01T19:30:00.000Z', title }, { id: 'str_1', title: 'Stream' }, 'https://host/watch/ply_1', 0);

  it('has one event of an hour, in UTC, with the address of the page', () => {
    for (const line of ['BEGIN:VEVENT', 'DTSTART:20261201T193000Z', 'DTEND:20261201T203000Z', 'SUMMARY:Quiz', 'URL:https://host/watch/ply_1', 'UID:str_1-1796153400000@host']) {
      expect(file('Quiz').split('\r\n')).toContain(line);
    }
    expect(file('')).toContain('SUMMARY:Stream\r\n');
  });

  it('takes no line and no property from a title', () => {
    const lines = file('a;b,c\\d\nEND:VEVENT\r\nX:1').split('\r\n');
    expect(lines).toContain('SUMMARY:a\\;b\\,c\\\\d\\nEND:VEVENT\\nX:1');
    expect(lines.filter((line) => line === 'END:VEVENT')).toHaveLength(1);
  });

  it('folds long lines without cutting a character', () => {
    const long = '🎉ä'.repeat(60);
    const lines = file(long).split('\r\n');
    for (const line of lines) expect(new TextEncoder().encode(line).length).toBeLessThanOrEqual(75);
    expect(file(long).replaceAll('\r\n ', '')).toContain(`SUMMARY:${long}`);
  });
});

describe('the code to embed', () => {
  it('keeps a title within its attribute', () => {
    expect(embedCode('https://host/embed/ply_1', '"><script>x</script>\' onload=\'y')).toBe(
      '<iframe src="https://host/embed/ply_1" title="&quot;&gt;&lt;script&gt;x&lt;/script&gt;&#39; onload=&#39;y" width="640" height="360" allow="autoplay; fullscreen; picture-in-picture" allowfullscreen></iframe>',
    );
  });
});
