using System.Text.Json.Nodes;
using Microsoft.OpenApi;
using ProductCache.Api.Http;

namespace ProductCache.Api.OpenApi;

/// <summary>What the description of the API says of an operation: metadata of its route.</summary>
/// <param name="Id">The operationId; that of HEAD has Head before it.</param>
internal sealed record Operation(string Id, string Summary, string Text)
{
    /// <summary>Which credential; none: none is needed. Reads need one where they are protected.</summary>
    public string? Policy { get; init; }

    public Parameter[] Parameters { get; init; } = [];

    public Body? Request { get; init; }

    public Answer[] Answers { get; init; } = [];

    public Problem[] Problems { get; init; } = [];
}

/// <param name="In">Of the path, the query, or a header.</param>
internal sealed record Parameter(string Name, ParameterLocation In, string Text, IOpenApiSchema Schema, bool Required = false, string? Example = null);

internal sealed record Body(string MediaType, string Schema, JsonNode Example);

/// <param name="Schema">None: no body.</param>
internal sealed record Answer(int Status, string Text, string? Schema = null, JsonNode? Example = null, params string[] Headers)
{
    public const string Problem = "application/problem+json";

    public string MediaType { get; init; } = RequestBody.Json;
}
