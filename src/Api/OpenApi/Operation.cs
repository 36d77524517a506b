using System.Text.Json.Nodes;
using Microsoft.OpenApi;
using ProductCache.Api.Http;

namespace ProductCache.Api.OpenApi;

/// <summary>The OpenAPI description of an operation, attached to its route as metadata.</summary>
/// <param name="Id">The operationId. That of HEAD has the prefix Head.</param>
internal sealed record Operation(string Id, string Summary, string Text)
{
    /// <summary>The authorization policy. Null: no credential is required. Reads require one only if they are protected.</summary>
    public string? Policy { get; init; }

    public Parameter[] Parameters { get; init; } = [];

    public Body? Request { get; init; }

    public Answer[] Answers { get; init; } = [];

    public Problem[] Problems { get; init; } = [];
}

/// <param name="In">Path, query or header.</param>
internal sealed record Parameter(string Name, ParameterLocation In, string Text, IOpenApiSchema Schema, bool Required = false, string? Example = null);

internal sealed record Body(string MediaType, string Schema, JsonNode Example);

/// <param name="Schema">Null: the response has no body.</param>
internal sealed record Answer(int Status, string Text, string? Schema = null, JsonNode? Example = null, params string[] Headers)
{
    public const string Problem = "application/problem+json";

    public string MediaType { get; init; } = RequestBody.Json;
}
