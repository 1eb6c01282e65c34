import { i18n } from '@lingui/core';

// Texts of the source stand in for a catalogue.
i18n.loadAndActivate({ locale: 'en', messages: {} });
