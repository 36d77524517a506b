using System.Text;
using Confluent.Kafka;

namespace ProductCache.RiderTests;

/// <summary>Records as a producer that is not MassTransit writes them, and what it reads of them.</summary>
internal static class Records
{
    public static Message<byte[]?, byte[]?> Order(string key, string id) => Of(key, $$"""{ "orderId": "{{id}}" }""");

    public static Message<byte[]?, byte[]?> Of(string? key, string? value) =>
        new() { Key = key is null ? null : Encoding.UTF8.GetBytes(key), Value = value is null ? null : Encoding.UTF8.GetBytes(value) };

    public static IEnumerable<Message<byte[]?, byte[]?>> Orders(params IEnumerable<string> ids) => ids.Select(id => Order(id, id));

    public static string? Key(this ConsumeResult<byte[]?, byte[]?> record) => record.Message.Key is { } key ? Encoding.UTF8.GetString(key) : null;

    public static string? Header(this ConsumeResult<byte[]?, byte[]?> record, string key) =>
        record.Message.Headers.TryGetLastBytes(key, out var bytes) ? Encoding.UTF8.GetString(bytes) : null;
}
