// Shows the API description in Swagger UI. Its address comes from the page, so that the page works below any path.
"use strict";

const place = document.getElementById("docs");

SwaggerUIBundle({
  url: new URL(place.dataset.openapiUrl, document.baseURI).href,
  domNode: place,
  deepLinking: true,
  displayRequestDuration: true,
  // The validator is a service on the internet: nothing leaves this server.
  validatorUrl: null,
  // A token stays in the memory of the tab, never in the browser's storage.
  persistAuthorization: false,
  // Neither the address bar nor the description may choose another server.
  queryConfigEnabled: false,
});
