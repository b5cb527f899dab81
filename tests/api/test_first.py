def test_walk(api):
    made = api.post("ana", "/v1/clients", {"alias": "Wren"})
    assert made.status_code == 201, made.text
    assert api.get("other", f"/v1/clients/{made.json()['id']}").status_code == 404
