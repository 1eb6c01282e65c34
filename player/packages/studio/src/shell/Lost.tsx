import { Trans, useLingui } from '@lingui/react/macro';
import { AppWindow, FileQuestion } from 'lucide-react';
import { useEffect } from 'react';
import { Page } from '@weir/kit/Layout.tsx';
import { EmptyState } from '@weir/kit/States.tsx';
import { buttonClass } from '@weir/kit/Button.tsx';

/** Nothing is at this address, or the reader may not see it. */
export function Lost() {
  const { t } = useLingui();
  useEffect(() => {
    document.title = `${t`Not found`} – Weir`;
  }, [t]);
  return (
    <Page title={<Trans>Not found</Trans>}>
      <EmptyState icon={FileQuestion} title={<Trans>There is no such page, or your role may not open it</Trans>} action={<a href="/studio" className={buttonClass('primary')}><AppWindow size={16} aria-hidden />{t`To your apps`}</a>} />
    </Page>
  );
}
