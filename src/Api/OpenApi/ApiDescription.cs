using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using ProductCache.Api.Auth;
using ProductCache.Api.Http;
using ProductCache.Infrastructure.Mappings;
using Scalar.AspNetCore;

namespace ProductCache.Api.OpenApi;

/// <summary>The OpenAPI document /openapi/v1.json and the documentation page /docs, which loads nothing from other servers.</summary>
internal static class ApiDescription
{
    private const string Document = "v1";
    public const string DocumentRoute = "/openapi/v1.json";
    public const string PageRoute = "/docs";
    private const string CredentialScheme = "Bearer";

    // The page may load resources only from this service.
    private const string PagePolicy =
        "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    private static readonly Dictionary<string, (string Text, string Example)> Headers = new()
    {
        ["Age"] = ("Seconds since the product was read from PostgreSQL.", "35"),
        ["Cache-Control"] = ("How the response may be cached (RFC 9111). no-cache: store it, and ask again with If-None-Match.", "public, no-cache"),
        ["CDN-Cache-Control"] = ("How long content delivery networks may serve it (RFC 9213). Absent unless API_CACHE_CONTROL has s-maxage.", "max-age=600"),
        ["Cache-Tag"] = ("Names by which caches purge the response, separated by commas.", "products,product-1"),
        ["Surrogate-Key"] = ("The same names, separated by spaces.", "products product-1"),
        ["Cache-Status"] = ("How the cache handled the request (RFC 9211).", "ProductCache; hit; ttl=565; detail=redis"),
        ["ETag"] = ("The version of the product.", "\"5\""),
        ["Link"] = ("The next page, with rel=\"next\" (RFC 8288).", "</api/v1/products?limit=50&after=AQAAAAAAAAAB>; rel=\"next\""),
        ["Location"] = ("The URL of the product, with its exact id.", "/api/v1/products/1"),
        ["Preference-Applied"] = ("The wait that was applied (RFC 7240).", "wait=2"),
        ["Retry-After"] = ("Seconds to wait before the next attempt.", "1"),
        ["WWW-Authenticate"] = ("The required credential (RFC 6750).", "Bearer"),
    };

    public static void AddDescription(this IServiceCollection services) => services.AddOpenApi(Document, options =>
    {
        options.OpenApiVersion = OpenApiSpecVersion.OpenApi3_1;
        options.ShouldInclude = description => OperationOf(description.ActionDescriptor.EndpointMetadata) is not null;
        options.AddDocumentTransformer((document, context, _) =>
        {
            document.Info = new OpenApiInfo
            {
                Title = "ProductCache",
                Version = Document,
                Description = "Reads products from a cache and writes them to PostgreSQL. Errors are problem details (RFC 9457) whose type is the URI of a page of the service.",
                License = new OpenApiLicense { Name = "MIT", Identifier = "MIT" },
            };
            document.Tags = null;

            // The framework sets the address of the request. Its path is the prefix of the proxy, if any.
            document.Servers = [new OpenApiServer { Url = document.Servers is [{ Url: { } url }, ..] ? new Uri(url).AbsolutePath : "/" }];
            document.Components ??= new OpenApiComponents();
            document.Components.Schemas = new Dictionary<string, IOpenApiSchema>(Schemas.All(document));
            document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>
            {
                [CredentialScheme] = new OpenApiSecurityScheme
                {
                    Type = SecuritySchemeType.Http,
                    Scheme = "bearer",
                    Description = "An API key (pc_…) or a token (JWT) of the configured issuer. Writes require the scope products:write, cache administration requires cache:admin. Reads are open unless API_READS=protected; then they require any of the scopes.",
                },
            };
            if (context.ApplicationServices.GetRequiredService<ProductMapping>() is { IsBuiltIn: false } mapping)
            {
                MappedSchemas.Apply(document, mapping);
            }

            return Task.CompletedTask;
        });
        options.AddOperationTransformer((operation, context, _) =>
        {
            Describe(operation, OperationOf(context.Description.ActionDescriptor.EndpointMetadata)!, context);
            return Task.CompletedTask;
        });
    });

    public static void MapDescription(this WebApplication application)
    {
        var documents = new CachedDocuments();
        application.MapOpenApi(DocumentRoute).AllowRead().AddEndpointFilter(documents);
        application.MapScalarApiReference(PageRoute, page =>
        {
            page.Title = "ProductCache";
            page.OpenApiRoutePattern = DocumentRoute;
            page.DefaultFonts = false;
            page.Telemetry = false;
            page.AddDocument(Document);
            page.HideDeveloperTools().DisableAgent().DisableMcp().HideClientButton();
        }).AllowRead().AddEndpointFilter(async (context, next) =>
        {
            context.HttpContext.Response.Headers.ContentSecurityPolicy = PagePolicy;
            return await next(context);
        }).AddEndpointFilter(documents);
    }

    public static TBuilder Describe<TBuilder>(this TBuilder route, Operation operation)
        where TBuilder : IEndpointConventionBuilder => route.WithMetadata(operation);

    private static Operation? OperationOf(IEnumerable<object> metadata) => metadata.OfType<Operation>().LastOrDefault();

    private static void Describe(OpenApiOperation target, Operation source, OpenApiOperationTransformerContext context)
    {
        var document = context.Document!;
        var isHead = context.Description.HttpMethod == HttpMethods.Head;
        target.OperationId = isHead ? $"Head{source.Id}" : source.Id;
        target.Summary = isHead ? $"{source.Summary}: headers only" : source.Summary;
        target.Description = isHead ? $"Like GET, without the body. {source.Text}" : source.Text;
        target.Tags = new HashSet<OpenApiTagReference>();
        target.Parameters = [.. source.Parameters.Select(parameter => (IOpenApiParameter)new OpenApiParameter
        {
            Name = parameter.Name,
            In = parameter.In,
            Description = parameter.Text,
            Required = parameter.Required,
            Schema = parameter.Schema,
            Example = parameter.Example is { } example && parameter.Schema.Type == JsonSchemaType.Integer ? JsonNode.Parse(example) : parameter.Example,
        })];
        target.RequestBody = source.Request is { } body ? new OpenApiRequestBody
        {
            Required = true,
            Description = $"At most {RequestBody.MaxLength} bytes, within {RequestBody.Timeout.TotalSeconds:0} s.",
            Content = new Dictionary<string, OpenApiMediaType>
            {
                [body.MediaType] = new() { Schema = new OpenApiSchemaReference(body.Schema, document), Example = body.Example.DeepClone() },
            },
        }
        : null;
        target.Responses = [];
        foreach (var answer in source.Answers)
        {
            target.Responses.Add(Text(answer.Status), ResponseOf(answer, document, isHead));
        }

        foreach (var alike in source.Problems.GroupBy(problem => problem.Status))
        {
            target.Responses.Add(Text(alike.Key), ResponseOf(alike.Key, [.. alike], document, isHead));
        }

        if (source.Policy is { } policy)
        {
            var credential = new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(CredentialScheme, document)] = [] };
            target.Security = policy == ApiAuthorization.Read ? [new OpenApiSecurityRequirement(), credential] : [credential];
        }
    }

    private static OpenApiResponse ResponseOf(Answer answer, OpenApiDocument document, bool isHead) => new()
    {
        Description = answer.Text,
        Headers = HeadersOf(answer.Headers),
        Content = answer.Schema is null || isHead ? null : new Dictionary<string, OpenApiMediaType>
        {
            [answer.MediaType] = new() { Schema = SchemaOf(answer.Schema.Split(' ', StringSplitOptions.RemoveEmptyEntries), document), Example = answer.Example?.DeepClone() },
        },
    };

    private static IOpenApiSchema SchemaOf(string[] names, OpenApiDocument document) => names switch
    {
        [] => new OpenApiSchema { Type = JsonSchemaType.String },
        [var one] => new OpenApiSchemaReference(one, document),
        _ => new OpenApiSchema { AnyOf = [.. names.Select(name => (IOpenApiSchema)new OpenApiSchemaReference(name, document))] },
    };

    private static OpenApiResponse ResponseOf(int status, Problem[] problems, OpenApiDocument document, bool isHead) => new()
    {
        Description = $"{string.Join("; ", problems.Select(problem => problem.Title).Distinct())}.",
        Headers = HeadersOf(status switch
        {
            StatusCodes.Status401Unauthorized or StatusCodes.Status403Forbidden => ["WWW-Authenticate"],
            StatusCodes.Status429TooManyRequests or StatusCodes.Status503ServiceUnavailable => ["Retry-After", "Cache-Status"],
            _ => [],
        }),
        Content = isHead ? null : new Dictionary<string, OpenApiMediaType>
        {
            [Answer.Problem] = new()
            {
                Schema = SchemaOf([.. problems.Select(problem => problem == Problems.InvalidProduct ? Schemas.InvalidProduct : Schemas.Problem).Distinct()], document),
                Examples = problems.ToDictionary(problem => problem.Name, problem => (IOpenApiExample)new OpenApiExample { Value = ExampleOf(problem) }),
            },
        },
    };

    private static JsonObject ExampleOf(Problem problem)
    {
        var example = new JsonObject
        {
            ["type"] = problem.Type,
            ["title"] = problem.Title,
            ["status"] = problem.Status,
            ["traceId"] = "e2db06df4b21fcd75e7fc8fac7b49ae5",
        };
        if (problem == Problems.InvalidProduct)
        {
            example["errors"] = new JsonArray(new JsonObject { ["pointer"] = "#/name", ["detail"] = "name is required." });
        }

        return example;
    }

    private static Dictionary<string, IOpenApiHeader>? HeadersOf(string[] names) => names.Length == 0 ? null : names.ToDictionary(
        name => name,
        name => (IOpenApiHeader)new OpenApiHeader { Description = Headers[name].Text, Schema = new OpenApiSchema { Type = JsonSchemaType.String }, Example = Headers[name].Example });

    private static string Text(int status) => status.ToString(CultureInfo.InvariantCulture);
}
