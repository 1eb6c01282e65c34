import { QRCodeSVG } from 'qrcode.react';
import { Dialog } from './Dialog';

/** A value for a phone's camera. Made in the browser: it may be a secret. */
export function QrDialog({ open, title, value, onClose }: { open: boolean; title: string; value: string; onClose: () => void }) {
  return (
    <Dialog open={open} onClose={onClose} title={title}>
      <div className="grid justify-items-center gap-3">
        <div className="rounded-xl bg-white p-4"><QRCodeSVG value={value} size={220} title={title} /></div>
      </div>
    </Dialog>
  );
}
