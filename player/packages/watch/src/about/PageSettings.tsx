import { useState, type ChangeEvent } from 'react';
import { i18n } from '@lingui/core';
import { useLingui } from '@lingui/react/macro';
import { chooseLanguage, nameOfLanguage } from '@weir/ui/language.tsx';
import { chosenTheme, chooseTheme, type Theme } from '@weir/ui/theme.ts';
import { Glyph } from '@weir/ui/icons.tsx';
import { languages } from 'virtual:messages/watch';

/** Language and colours, kept in this browser. */
export function PageSettings() {
  const { t } = useLingui();
  const [theme, setTheme] = useState(chosenTheme());
  const onTheme = (event: ChangeEvent<HTMLSelectElement>) => {
    const chosen = event.target.value as Theme;
    chooseTheme(chosen);
    setTheme(chosen);
  };
  return (
    <footer className="page-settings">
      <label>
        <Glyph name="globe" />
        <span>{t`Language`}</span>
        <select data-testid="language" value={i18n.locale} onChange={(event) => chooseLanguage(event.target.value)}>
          {['en', ...Object.keys(languages)].map((code) => <option key={code} value={code} lang={code}>{nameOfLanguage(code)}</option>)}
        </select>
      </label>
      <label>
        <Glyph name="sun" />
        <span>{t`Theme`}</span>
        <select data-testid="theme" value={theme} onChange={onTheme}>
          <option value="system">{t`As on this device`}</option>
          <option value="light">{t`Light`}</option>
          <option value="dark">{t`Dark`}</option>
        </select>
      </label>
    </footer>
  );
}
