using System.Net;
using System.Text.Json.Nodes;
using ProductCache.Infrastructure.Mappings;
using ProductCache.TestSupport;

namespace ProductCache.IntegrationTests.Mappings;

/// <summary>The whole service on the tables of samples/mappings.</summary>
[Parallelizable(ParallelScope.Self)]
public sealed class SampleMappingsTests
{
    // Of each watched table one change that makes another document.
    private static readonly Dictionary<string, string[]> Changes = new()
    {
        ["nopcommerce"] =
        [
            """UPDATE nopcommerce."Product" SET "Price" = "Price" + 1 WHERE "Id" = 1""",
            """UPDATE nopcommerce."Category" SET "Name" = "Name" || ' (new)' WHERE "Id" = (SELECT min("CategoryId") FROM nopcommerce."Product_Category_Mapping")""",
            """DELETE FROM nopcommerce."Product_Category_Mapping" WHERE "ProductId" = 2""",
            """UPDATE nopcommerce."ProductAttribute" SET "Name" = 'Shade' WHERE "Name" = 'Colour'""",
            """UPDATE nopcommerce."ProductAttributeValue" SET "Name" = "Name" || '!'""",
            """UPDATE nopcommerce."ProductAttributeCombination" SET "Sku" = "Sku" || '-X'""",
            """UPDATE nopcommerce."ProductWarehouseInventory" SET "StockQuantity" = "StockQuantity" + 5""",
            """UPDATE nopcommerce."TierPrice" SET "Price" = "Price" / 2""",
            """DELETE FROM nopcommerce."Product_ProductAttribute_Mapping" WHERE "ProductId" = (SELECT min("ProductId") FROM nopcommerce."Product_ProductAttribute_Mapping")""",
        ],
        ["medusa"] =
        [
            "UPDATE medusa.product SET title = title || ' II' WHERE handle LIKE 't-shirt%'",
            "DELETE FROM medusa.product_tags WHERE product_id = (SELECT min(product_id) FROM medusa.product_tags)",
            "UPDATE medusa.product_variant SET sku = sku || '-N'",
            "UPDATE medusa.product_option SET title = 'Colors' WHERE title = 'Colour'",
            "UPDATE medusa.product_option_value SET value = upper(value)",
            "UPDATE medusa.price SET amount = amount + 1",
            "UPDATE medusa.price_list SET starts_at = now() - interval '1 day', ends_at = NULL WHERE starts_at > now()",
            "UPDATE medusa.product_variant_price_set SET deleted_at = now() WHERE variant_id = (SELECT min(variant_id) FROM medusa.product_variant_price_set)",
            "DELETE FROM medusa.product_variant_option WHERE variant_id IN (SELECT id FROM medusa.product_variant WHERE product_id LIKE '%05')",
        ],
        ["saleor"] =
        [
            "UPDATE saleor.product_product SET name = name || ' II'",
            "UPDATE saleor.product_producttranslation SET name = name || ' (neu)'",
            "UPDATE saleor.product_productchannellisting SET visible_in_listings = NOT visible_in_listings",
            "UPDATE saleor.product_productvariant SET sku = sku || '-N'",
            "UPDATE saleor.product_productvariantchannellisting SET price_amount = price_amount + 1",
            "UPDATE saleor.channel_channel SET name = name || ' (renamed)'",
            "UPDATE saleor.attribute_attribute SET name = name || ' (renamed)'",
            "UPDATE saleor.attribute_attributevalue SET name = name || ' (renamed)'",
            "DELETE FROM saleor.attribute_assignedproductattributevalue WHERE product_id = (SELECT min(product_id::text)::uuid FROM saleor.attribute_assignedproductattributevalue)",
        ],
    };

    [TestCase("nopcommerce")]
    [TestCase("medusa")]
    [TestCase("saleor")]
    public async Task WhatReadersGetIsWhatTheSelectGivesAfterAChangeOfEachTable(string sample)
    {
        await using var shop = await Shop.OfSampleAsync(sample);
        await using var service = await shop.StartAsync();
        var mapping = Read(shop);
        var before = await SelectedAsync(shop, mapping);
        Assert.That(before.Values.Count(body => body is not null), Is.GreaterThan(20));
        await AssertServedAsync(service, before);
        await AssertDescribedAsync(service, mapping);

        Assert.That(Changes[sample], Has.Length.EqualTo(mapping.Watches.Select(watch => watch.Table).Distinct().Count()));
        foreach (var change in Changes[sample])
        {
            await shop.ExecuteAsync(change);
            var after = await SelectedAsync(shop, mapping);
            Assert.That(after.Any(product => !JsonNode.DeepEquals(product.Value, before[product.Key])), Is.True, $"No product depends on: {change}");
            before = after;
            await AssertServedAsync(service, after, change);
        }
    }

    /// <summary>OpenAPI has the schema of the mapping, the type of its ids, and no writes.</summary>
    private static async Task AssertDescribedAsync(RunningService service, ProductMapping mapping)
    {
        var document = JsonNode.Parse(await service.Api.GetStringAsync(new Uri("/openapi/v1.json", UriKind.Relative)))!;
        var schemas = document["components"]!["schemas"]!;
        var expected = JsonNode.Parse(await File.ReadAllTextAsync(MappingSettings.SchemaPathOf(service.Settings["PRODUCT_MAPPING"])))!;
        var id = document["paths"]!["/api/v1/products/{id}"]!["get"]!["parameters"]!.AsArray().Single(parameter => parameter!["name"]!.GetValue<string>() == "id")!["schema"]!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(schemas["Product"]!["properties"]!.AsObject().Select(member => member.Key), Is.EquivalentTo(expected["properties"]!.AsObject().Select(member => member.Key)));
            Assert.That(schemas.AsObject().ContainsKey("ProductDraft"), Is.False);
            Assert.That(document["paths"]!["/api/v1/products"]!.AsObject().ContainsKey("post"), Is.False);
            Assert.That(id["type"]!.GetValue<string>(), Is.EqualTo(mapping.IdType.Name == "bigint" ? "integer" : "string"));
        }
    }

    private static ProductMapping Read(Shop shop) =>
        ProductMapping.TryParse("mapping.sql", File.ReadAllText(shop.Mapping), out var mapping, out var faults) ? mapping : throw new InvalidOperationException(string.Join(' ', faults));

    /// <summary>The bodies of all products of the list, straight from the tables. Null: absent.</summary>
    private static async Task<Dictionary<string, JsonNode?>> SelectedAsync(Shop shop, ProductMapping mapping)
    {
        var all = $"ARRAY(SELECT l.id::{mapping.IdType} FROM ({mapping.List}) AS l)";
        await using var command = shop.DataSource.CreateCommand(
            $"SELECT l.id::text, (SELECT CASE WHEN m.fault IS NULL THEN m.body::text END FROM ({mapping.Select.Replace("@ids", all, StringComparison.Ordinal)}) AS m WHERE m.id = l.id) FROM ({mapping.List}) AS l");
        await using var reader = await command.ExecuteReaderAsync();
        Dictionary<string, JsonNode?> bodies = [];
        while (await reader.ReadAsync())
        {
            bodies[reader.GetString(0)] = reader.IsDBNull(1) ? null : JsonNode.Parse(reader.GetString(1));
        }

        return bodies;
    }

    private static async Task AssertServedAsync(RunningService service, Dictionary<string, JsonNode?> expected, string? change = null)
    {
        var wrong = string.Empty;
        await Eventually.TrueAsync(
            async () =>
            {
                foreach (var ids in expected.Keys.Chunk(50))
                {
                    using var request = new HttpRequestMessage(HttpMethod.Get, $"/api/v1/products?ids={string.Join(',', ids)}") { Headers = { { "Prefer", "wait=5" } } };
                    using var answer = await service.Api.SendAsync(request);
                    if (answer.StatusCode == HttpStatusCode.ServiceUnavailable)
                    {
                        // On a busy machine Kafka may be slower than the deadline of a produce; a client asks again.
                        wrong = await answer.Content.ReadAsStringAsync();
                        return false;
                    }

                    Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK), await answer.Content.ReadAsStringAsync());
                    foreach (var item in JsonNode.Parse(await answer.Content.ReadAsStringAsync())!["items"]!.AsArray())
                    {
                        var id = item!["id"]!.ToString();
                        if (!JsonNode.DeepEquals(item["product"], expected[id]))
                        {
                            wrong = $"{change}: {item} instead of {expected[id]}";
                            return false;
                        }
                    }
                }

                return true;
            },
            () => wrong);
    }
}
