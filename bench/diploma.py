"""The diploma that every benchmark here uses: VCDM 2.0, Open Badges 3.0.3; 73 statements, 5 blank nodes.

University, graduate and numbers are invented.
"""

from __future__ import annotations

from typing import Any

ISSUER = "did:web:university.example"


def diploma() -> dict[str, Any]:
    """A fresh copy of the unsigned diploma."""
    return {
        "@context": [
            "https://www.w3.org/ns/credentials/v2",
            "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json",
            "https://purl.imsglobal.org/spec/ob/v3p0/extensions.json",
        ],
        "id": "urn:uuid:7f3c5b7a-2e0d-4c1e-9a53-0b6c6a4f1d22",
        "type": ["VerifiableCredential", "OpenBadgeCredential"],
        "name": "Master of Science in Applied Mathematics",
        "issuer": {
            "id": ISSUER,
            "type": ["Profile"],
            "name": "Universität Beispielstadt",
            "url": "https://university.example/",
            "email": "registrar@university.example",
            "image": {"id": "https://university.example/seal.png", "type": "Image", "caption": "Seal"},
            "address": {
                "type": ["Address"],
                "streetAddress": "Rathausplatz 1",
                "addressLocality": "Beispielstadt",
                "postalCode": "10115",
                "addressCountryCode": "DE",
            },
        },
        "validFrom": "2026-07-15T10:00:00Z",
        "awardedDate": "2026-07-10T00:00:00Z",
        "credentialSubject": {
            "id": "did:key:z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2",
            "type": ["AchievementSubject"],
            "activityEndDate": "2026-06-30T00:00:00Z",
            "creditsEarned": 120,
            "licenseNumber": "BS-2026-004711",
            "identifier": [
                {
                    "type": "IdentityObject",
                    "hashed": True,
                    "identityHash": "sha256$3f0d3b1b1c3a9f0f4c9a3d5f5a1c2b7e8d9f00112233445566778899aabbccdd",
                    "identityType": "studentId",
                    "salt": "c0ffee",
                }
            ],
            "achievement": {
                "id": "https://university.example/achievements/msc-applied-mathematics",
                "type": ["Achievement"],
                "achievementType": "MasterDegree",
                "creator": {"id": ISSUER, "type": ["Profile"]},
                "name": "Master of Science in Applied Mathematics",
                "description": "Two years of graduate study, including a thesis.",
                "fieldOfStudy": "Applied Mathematics",
                "specialization": "Numerical Analysis",
                "creditsAvailable": 120,
                "criteria": {
                    "type": "Criteria",
                    "narrative": "120 ECTS credits and a thesis defended before a committee.",
                },
                "image": {"id": "https://university.example/msc.png", "type": "Image"},
                "alignment": [
                    {
                        "type": ["Alignment"],
                        "targetCode": "EQF-7",
                        "targetName": "EQF level 7",
                        "targetFramework": "European Qualifications Framework",
                        "targetType": "CFItem",
                        "targetUrl": "https://data.europa.eu/snb/eqf/7",
                    }
                ],
                "resultDescription": [
                    {
                        "id": "urn:uuid:3f1b8a0e-5f4d-4f0e-8d8a-6f2f3a7c9e01",
                        "type": ["ResultDescription"],
                        "name": "Final grade",
                        "resultType": "GradePointAverage",
                        "valueMin": "1.0",
                        "valueMax": "4.0",
                    }
                ],
            },
            "result": [
                {
                    "type": ["Result"],
                    "resultDescription": "urn:uuid:3f1b8a0e-5f4d-4f0e-8d8a-6f2f3a7c9e01",
                    "value": "1.3",
                }
            ],
        },
        "evidence": [
            {
                "id": "https://university.example/theses/4711",
                "type": ["Evidence"],
                "name": "Master's thesis",
                "description": 'On the "stiffness" of reaction–diffusion systems',
                "genre": "Thesis",
            }
        ],
        "credentialStatus": {
            "id": "https://university.example/status/7#94567",
            "type": "BitstringStatusListEntry",
            "statusPurpose": "revocation",
            "statusListIndex": "94567",
            "statusListCredential": "https://university.example/status/7",
        },
        "credentialSchema": [
            {
                "id": "https://purl.imsglobal.org/spec/ob/v3p0/schema/json/ob_v3p0_achievementcredential_schema.json",
                "type": "1EdTechJsonSchemaValidator2019",
            }
        ],
    }


def proof_options(document: dict[str, Any]) -> dict[str, Any]:
    """The proof's options as they are canonicalised beside it (Data Integrity EdDSA 3.2.5)."""
    return {
        "@context": document["@context"],
        "type": "DataIntegrityProof",
        "cryptosuite": "eddsa-rdfc-2022",
        "created": "2026-07-15T10:00:00Z",
        "verificationMethod": ISSUER + "#key-1",
        "proofPurpose": "assertionMethod",
    }
