import { Trash2, Plus, Radio, MoreHorizontal, Pencil } from 'lucide-react';
import { useState, type ReactNode } from 'react';
import { Problem } from '@weir/client/http.ts';
import { bytesText } from '@weir/client/format.ts';
import { chooseTheme } from '@weir/ui/theme.ts';
import { chooseLanguage } from '@weir/ui/language.tsx';
import { Avatar } from './Avatar';
import { Badge, type Tone } from './Badge';
import { Button, IconButton, type ButtonLook } from './Button';
import { CommandPalette } from './CommandPalette';
import { CopyField } from './CopyField';
import { DataTable, type Column } from './DataTable';
import { ConfirmDialog, Dialog } from './Dialog';
import { SelectField, SwitchField, TextArea, TextField } from './Field';
import { Card, Facts, Page, Stat } from './Layout';
import { FilterSelect, ListBar } from './ListBar';
import { Menu } from './Menu';
import { EmptyState, ErrorState, Skeleton } from './States';
import { Ago } from './Time';
import { TimeChart } from './TimeChart';
import { useToast } from './Toasts';

const LONG = 'A very long name that somebody gave to a stream at night 🐸🐸🐸 مرحبا بالعالم and it goes on';
const ROWS = [
  { id: 'a', name: 'Morning show', viewers: 12, when: '2026-11-27T10:00:00Z' },
  { id: 'b', name: LONG, viewers: 1_204_881, when: '2026-11-28T10:00:00Z' },
];
type Sample = (typeof ROWS)[number];
const COLUMNS: readonly Column<Sample>[] = [
  { id: 'name', title: 'Name', cell: ({ name }) => <bdi className="line-clamp-2">{name}</bdi>, sortBy: ({ name }) => name },
  { id: 'when', title: 'When', wide: true, cell: ({ when }) => <Ago value={when} />, sortBy: ({ when }) => when },
  { id: 'viewers', title: 'Viewers', figure: true, cell: ({ viewers }) => viewers.toLocaleString('en'), sortBy: ({ viewers }) => viewers },
  { id: 'deeds', title: '', figure: true, cell: () => <IconButton label="More" icon={MoreHorizontal} /> },
];
const LOOKS: readonly ButtonLook[] = ['primary', 'plain', 'quiet', 'danger'];
const TONES: readonly Tone[] = ['neutral', 'good', 'warn', 'bad', 'accent'];
const TIMES = Array.from({ length: 60 }, (_, index) => 1_795_860_000 + index * 60);

/** Every component in every state: for those who build pages, and for their eyes. Its own words are not translated. */
export function KitPage() {
  return (
    <main>
      <Page
        title="Components" lead="Every part of the studio in every state. Colours come from the tokens of base.css."
        actions={<>
          {(['system', 'light', 'dark'] as const).map((theme) => <Button key={theme} size="small" onClick={() => chooseTheme(theme)}>{theme}</Button>)}
          <Button size="small" onClick={() => chooseLanguage('en')}>English</Button>
          <Button size="small" onClick={() => chooseLanguage('ar')}>العربية</Button>
        </>}
      >
        <Buttons />
        <Words />
        <Fields />
        <Lists />
        <Overlays />
      </Page>
    </main>
  );
}

function Line({ children }: { children: ReactNode }) {
  return <div className="flex flex-wrap items-center gap-3">{children}</div>;
}

function Buttons() {
  return (
    <Card title="Buttons">
      {LOOKS.map((look) => (
        <Line key={look}>
          <Button look={look}>{look}</Button>
          <Button look={look} icon={Plus}>With icon</Button>
          <Button look={look} size="small">Small</Button>
          <Button look={look} busy>Busy</Button>
          <Button look={look} disabled>Disabled</Button>
          <IconButton look={look} label={`Edit (${look})`} icon={Pencil} />
        </Line>
      ))}
    </Card>
  );
}

function Words() {
  return (
    <Card title="Badges, avatars, figures, facts">
      <Line>{TONES.map((tone) => <Badge key={tone} tone={tone} dot={tone !== 'neutral'}>{tone}</Badge>)}</Line>
      <Line><Avatar id="1" name="Ada" /><Avatar id="2" name="مها" size={40} /><Avatar id="3" name="" /><Avatar id="4" name="Broken" src="https://weir.invalid/none.png" size={48} /></Line>
      <div className="grid grid-cols-2 gap-3 md:grid-cols-4">
        <Stat label="Viewers now" value="1,204" note="12 more than a minute ago" /><Stat label="Data sent" value={bytesText(8.4e12)} /><Stat label="Nothing known" value="–" /><Stat label="Long" value="12,048,811" />
      </div>
      <Facts facts={[['Channel', 'chn_01m8fg…'], ['Title', LONG], ['Created', <Ago key="ago" value="2026-11-20T10:00:00Z" />]]} />
    </Card>
  );
}

function Fields() {
  const [on, setOn] = useState(true);
  return (
    <Card title="Fields">
      <div className="grid gap-4 md:grid-cols-2">
        <TextField label="Title" defaultValue="Morning show" hint="What viewers see." />
        <TextField label="Address" defaultValue="ftp://nowhere" error="An address begins with https://." />
        <TextField label="Disabled" disabled defaultValue="Can’t be changed" />
        <SelectField label="Visibility"><option>Public</option><option>Signed</option></SelectField>
        <TextArea label="Description" rows={3} defaultValue={LONG} />
        <div className="grid content-start gap-3">
          <SwitchField label="Record every broadcast" hint="Recordings count towards storage." checked={on} onChange={setOn} />
          <SwitchField label="Disabled" checked={false} disabled onChange={setOn} />
        </div>
        <CopyField label="Stream key" value="live_01m8fg_secret" secret qr testId="kit-key" />
        <CopyField label="Empty" value="" testId="kit-empty" />
      </div>
    </Card>
  );
}

function Lists() {
  const [search, setSearch] = useState('');
  return (
    <Card title="Lists, charts and their states">
      <ListBar label="Search streams" value={search} onChange={setSearch}>
        <FilterSelect label="State" value="all" options={[['all', 'All states'], ['live', 'Live']]} onChange={() => undefined} />
      </ListBar>
      <DataTable label="Streams" rows={ROWS} columns={COLUMNS} rowId={({ id }) => id} />
      <Skeleton rows={2} />
      <ErrorState error={new Problem(503, 'unavailable', 'The server cannot be reached. Trying again may help.')} onRetry={() => undefined} />
      <EmptyState icon={Radio} title="No streams yet" action={<Button look="primary" icon={Plus}>New stream</Button>}>A stream has a key for your encoder and a page for your viewers.</EmptyState>
      <TimeChart label="Viewers" times={TIMES} lines={[{ name: 'Viewers', values: TIMES.map((_, index) => 40 + 30 * Math.sin(index / 8)) }, { name: 'Waiting', colour: 'warn', values: TIMES.map((_, index) => (index > 40 ? null : 10)) }]} format={(value) => value.toFixed(0)} />
      <TimeChart label="Nothing" times={[]} lines={[{ name: 'Viewers', values: [] }]} format={String} />
    </Card>
  );
}

function Overlays() {
  const [shown, setShown] = useState<'dialog' | 'confirm' | 'palette' | null>(null);
  const close = () => setShown(null);
  const say = useToast();
  return (
    <Card title="Over the page">
      <Line>
        <Button onClick={() => setShown('dialog')}>Dialog</Button>
        <Button look="danger" icon={Trash2} onClick={() => setShown('confirm')}>Delete …</Button>
        <Button onClick={() => setShown('palette')}>Palette</Button>
        <Button onClick={() => say.done('Saved.', { label: 'Undo', onUndo: () => say.done('Undone.') })}>Message</Button>
        <Button onClick={() => say.failed(new Problem(409, 'conflict', 'Somebody else changed it meanwhile.'))}>Failure</Button>
        <Menu trigger={<IconButton label="Menu" icon={MoreHorizontal} />} groups={[{ heading: 'Stream', items: [{ label: 'Rename', icon: Pencil, onChoose: close }, { label: 'Chosen', chosen: true, onChoose: close }, { label: 'Disabled', disabled: true, onChoose: close }] }, { items: [{ label: 'Delete', icon: Trash2, danger: true, onChoose: () => setShown('confirm') }] }]} />
      </Line>
      <Dialog open={shown === 'dialog'} onClose={close} title={LONG} lead="What it is for."><TextField label="Title" /></Dialog>
      <ConfirmDialog open={shown === 'confirm'} onClose={close} title="Delete “Morning show”?" action="Delete for good" typed="Morning show" onConfirm={() => Promise.reject(new Problem(503, 'unavailable', 'The server cannot be reached.'))}>Its recordings stay. Its address stops working.</ConfirmDialog>
      <CommandPalette open={shown === 'palette'} onClose={close} groups={[{ value: 'Pages', items: [{ id: 'a', label: 'Streams', icon: Radio, onChoose: close }] }, { value: 'Actions', items: [{ id: 'b', label: 'New stream', icon: Plus, onChoose: close }] }]} />
    </Card>
  );
}
