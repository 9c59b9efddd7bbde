// Whoever tries a method out sends what is filled in, and Swagger UI fills every field of a form in with an example:
// a model of no name, a time to be kept. Here what nobody has typed stays empty, and what is empty is not sent.
{
  const functions = ui.getSystem().fn;
  const sampleOf = functions.getSampleSchema;
  functions.getSampleSchema = (schema, contentType, ...others) => {
    const isFieldOfForm = contentType === false;
    return isFieldOfForm && schema.get("type") !== "array" ? "" : sampleOf(schema, contentType, ...others);
  };

  const configs = ui.getConfigs();
  const prepare = configs.requestInterceptor;
  configs.requestInterceptor = (request) => {
    if (request.body instanceof FormData) {
      for (const [name, value] of [...request.body]) {
        if (value === "") request.body.delete(name);
      }
    }
    return prepare(request);
  };
}
