// Sends five spans by OpenTelemetry's own exporter for Node: export.cjs http|proto|grpc URL.
const [protocol, url] = process.argv.slice(2);
const { OTLPTraceExporter } = require(`@opentelemetry/exporter-trace-otlp-${protocol}`);
const { BasicTracerProvider, BatchSpanProcessor } = require("@opentelemetry/sdk-trace-base");
const exporter = new OTLPTraceExporter({ url: protocol === "grpc" ? `http://${url}` : `${url}/v1/traces`, compression: "gzip" });
const provider = new BasicTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] });
for (let number = 0; number < 5; number++) provider.getTracer("tests").startSpan(`span ${number}`).end();
provider.shutdown();
