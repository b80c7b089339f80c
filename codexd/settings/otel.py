"""Settings of the export of traces."""

from typing import Annotated

from attrs import frozen

from codexd.settings.ranges import Range


@frozen
class Otel:
    """OpenTelemetry traces: one span for each request, with its steps as children, and no content.

    It needs the extra `codexd[otel]`. The standard variables `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_SERVICE_NAME`,
    `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_BSP_*` and `OTEL_SDK_DISABLED` apply.

    Attributes:
        endpoint: the collector's address for OTLP over HTTP, such as `http://127.0.0.1:4318`. Default: that of
            `OTEL_EXPORTER_OTLP_ENDPOINT` or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`; without either, none is exported.
        sample_ratio: the part of the requests that is exported. A client's `traceparent` decides for its request.
    """

    endpoint: str | None = None
    sample_ratio: Annotated[float, Range(minimum=0, maximum=1)] = 1.0
