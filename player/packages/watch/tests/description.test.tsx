import { renderToStaticMarkup } from 'react-dom/server';
import { describe, expect, it } from 'vitest';
import { Formatted } from '../src/about/Description';
import payloads from './payloads.json';

const html = (text: string) => renderToStaticMarkup(<Formatted text={text} />);

/** Names and attributes of all elements; whatever is text has its `<` written as `&lt;`. */
function elementsOf(markup: string): { name: string; attributes: Record<string, string> }[] {
  return [...markup.matchAll(/<([a-z]+)((?:\s[^>]*)?)>/g)].map(([, name = '', rest = '']) => ({
    name, attributes: Object.fromEntries([...rest.matchAll(/\s([a-zA-Z-]+)(?:="([^"]*)")?/g)].map(([, key = '', value = '']) => [key, value])),
  }));
}

describe('a description', () => {
  it('has paragraphs, line breaks, bold, italics and code', () => {
    expect(html('One **bold** and *slanted* and _so_ and `a<b`.\nTwo\n\nThree')).toBe(
      '<p>One <strong>bold</strong> and <em>slanted</em> and <em>so</em> and <code>a&lt;b</code>.<br/>Two</p><p>Three</p>',
    );
    expect(html('```\n**raw**\n```')).toBe('<pre tabindex="0"><code>**raw**</code></pre>');
  });

  it('has lists of both kinds', () => {
    expect(html('- a\n* b\n\n1. c\n2. d')).toBe('<ul><li>a</li><li>b</li></ul><ol><li>c</li><li>d</li></ol>');
  });

  it('links the web and says where to, also bare addresses without the full stop behind them', () => {
    const [, link] = elementsOf(html('[shop](https://shop.example/a_b_c)'));
    expect(link).toEqual({ name: 'a', attributes: { href: 'https://shop.example/a_b_c', title: 'shop.example', target: '_blank', rel: 'noopener noreferrer nofollow ugc' } });
    expect(html('See https://a.example/x_y_z.')).toContain('>https://a.example/x_y_z</a>.</p>');
    expect(html('[a (b)](https://a.example/w_(x))')).toContain('href="https://a.example/w_(x)"');
  });

  it('leaves words with underscores, lone stars and escaped signs alone', () => {
    for (const text of ['snake_case_word', '2 * 3 * 4', 'a ** b', '_', '**', '[x', '[x](', '`']) expect(html(text)).toBe(`<p>${text}</p>`);
    expect(html('\\*no\\*')).toBe('<p>*no*</p>');
  });

  it('has no element and no attribute but its own, whatever is written', () => {
    expect(payloads.length).toBe(150);
    const known = new Set(['p', 'br', 'strong', 'em', 'code', 'pre', 'ul', 'ol', 'li', 'a']);
    for (const text of [...payloads, payloads.join('\n'), payloads.join('\n\n'), payloads.join(' ')]) {
      for (const { name, attributes } of elementsOf(html(text))) {
        expect(known, text).toContain(name);
        if (name !== 'a') expect(Object.keys(attributes).filter((key) => key !== 'tabindex'), text).toEqual([]);
        else expect(attributes['href'], text).toMatch(/^https?:\/\//);
        if (name === 'a') expect(Object.keys(attributes).sort(), text).toEqual(['href', 'rel', 'target', 'title']);
      }
    }
  });

  it('takes marks by the thousand without effort', () => {
    for (const mark of ['*', '**a', '_a ', '[', '[a](', '`', '- ', 'https://', '\\', '[a](http://(']) {
      expect(html(mark.repeat(4_000)), mark).not.toBe(''); // what takes seconds is ended by the runner's limit
    }
  });
});
