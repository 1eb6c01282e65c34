import SwaggerUI from 'swagger-ui-dist/swagger-ui-es-bundle.js';
import 'swagger-ui-dist/swagger-ui.css';

/** The reference of the API, interactive, from the document that the server writes out of its own route table. */
async function show(): Promise<void> {
  const reply = await fetch('/v1/openapi.json');
  if (!reply.ok) throw new Error(`The document of the API is not there (HTTP ${String(reply.status)}).`);
  const spec = (await reply.json()) as object;
  SwaggerUI({
    dom_id: '#root',
    // The page's own address: whatever name the server gives itself, this browser has reached it here.
    spec: { ...spec, servers: [{ url: location.origin }] },
    deepLinking: true,
    docExpansion: 'none',
    displayRequestDuration: true,
    persistAuthorization: false,
    validatorUrl: null,
  });
}

show().catch((problem: unknown) => {
  const root = document.getElementById('root');
  if (root !== null) root.textContent = problem instanceof Error ? problem.message : String(problem);
});
